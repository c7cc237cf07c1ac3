"""Which member of an ensemble speaks, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.scoring.fused_scoring import FusedScoring
from ctmri_detect.scoring.fusion import fused

Evidence = npt.NDArray[np.float32]


def member_shares(evidence: Evidence, scoring: FusedScoring, names: Sequence[str]) -> pd.DataFrame:
    """Share of each member in the evidence that makes the score.

    Parameters
    ----------
    evidence : float32 array (n, n_members, height, width)
    scoring : FusedScoring
    names : sequence of str

    Returns
    -------
    DataFrame
        sample, member, share: shares of a sample add up to 1; NaN for a member that can't score
        it.
    """
    weighted = evidence * scoring.weights_.astype(np.float32)[:, None, None]
    joined = fused(evidence, scoring.weights_, scoring.fusion)
    rows = []
    for sample, (planes, whole) in enumerate(zip(weighted, joined, strict=True)):
        seen = whole[~np.isnan(whole)]
        least = np.sort(seen)[-max(1, round(scoring.pool_fraction * seen.size))]
        top = planes[:, whole >= least]
        able = ~np.isnan(planes).all(axis=(1, 2))
        sums = np.nansum(top, axis=1, dtype=np.float64)
        shares = np.where(able, sums / max(sums.sum(), 1e-12), np.nan)
        rows += [(sample, name, share) for name, share in zip(names, shares, strict=True)]
    return pd.DataFrame(rows, columns=["sample", "member", "share"])


def strongest_members(
    evidence: Evidence, scoring: FusedScoring, regions: pd.DataFrame, names: Sequence[str]
) -> list[str]:
    """For each region, the member with the most evidence in a disc of its area round its centre."""
    weighted = np.nan_to_num(evidence * scoring.weights_.astype(np.float32)[:, None, None])
    y, x = np.ogrid[: evidence.shape[2], : evidence.shape[3]]
    found = []
    for region in regions.itertuples():
        disc = (y - region.y) ** 2 + (x - region.x) ** 2 <= max(region.area_px / np.pi, 2.0)
        found.append(names[int(weighted[region.sample][:, disc].mean(axis=1).argmax())])
    return found
