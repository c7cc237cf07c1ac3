"""Pairs of a folder, at most 128, on one grid: what the pairing check is asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import RandomState
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.inspection.pair_images import slice_pair, volume_pair
from ctmri_detect.io.volumes.volume_files import is_volume
from ctmri_detect.pairing.check import check_pairing
from ctmri_detect.pairing.modalities import check_modalities

BAD_SHIFT = 0.015
"""Share of the image's side from which a pair is called badly registered: 4 of 256 pixels, about
the width of a cortical gyrus's grey matter at 0.9 mm a pixel. 1 to 2 mm are usual, and detectors
tolerate 2 to 4 pixels."""

_SIDE = 256
_MOST = 128  # pairs: 64 MiB, and a second or ten for the shifts
_LEVELS = (0.3, 0.7)  # of a volume's height: brain, above the teeth and below the vertex

Floats = NDArray[np.float32]


@with_default_floats
def check_sample(folder: Path, pairs: pd.DataFrame, random_state: RandomState) -> Bunch | None:
    """`check_pairing` on pairs spread evenly over the folder; None where there is no pair.

    Returns
    -------
    Bunch or None
        What `check_pairing` returns, with `pairs` cut to ct, mri, nmi, shift_y, shift_x, shift
        and bad, the shifts in the unit `shift_unit`: "px" of the CT file, or "mm" for volumes.
        `n_compared` is how many of them the verdict rests on, `exchanged` the verdict of
        `check_modalities`.
    """
    rows = pairs[pairs["status"] == "paired"]
    if rows.empty:
        return None
    volumes = is_volume(rows["ct"].iloc[0])
    per_row = max(1, min(8, _MOST // len(rows))) if volumes else 1
    few = _MOST // per_row
    chosen = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(few, len(rows))).astype(int))]
    images: list[Floats] = []
    facts: list[dict[str, Any]] = []
    for row in chosen.itertuples():
        try:
            reader = _volume_slices if volumes else _one_slice
            for pair, step, place in reader(folder, row.ct, row.mri, per_row):
                images.append(pair)
                where = {"ct": row.ct, "mri": row.mri, "place": place, "patient": row.patient}
                facts.append(where | {"step_y": step[0], "step_x": step[1]})
        except DataLoadingError:
            continue  # the table of files says what is wrong with it
    if not images:
        return None
    return _asked(np.stack(images), pd.DataFrame(facts), "mm" if volumes else "px", random_state)


def _asked(X: Floats, facts: pd.DataFrame, unit: str, random_state: RandomState) -> Bunch:
    groups = facts["patient"].to_numpy() if facts["patient"].notna().all() else None
    result = check_pairing(X, groups=groups, random_state=random_state)
    table = facts[["ct", "mri", "place"]].assign(nmi=result.pairs["nmi"].to_numpy())
    table["shift_y"] = result.pairs["shift_y"].to_numpy() * facts["step_y"]
    table["shift_x"] = result.pairs["shift_x"].to_numpy() * facts["step_x"]
    table["shift"] = np.hypot(table["shift_y"], table["shift_x"])
    table["bad"] = result.shift > BAD_SHIFT * max(X.shape[2:])
    result.paired = None if result.paired is None else bool(result.paired)
    result.pairs, result.shift = table, table["shift"].to_numpy()
    result.shift_unit = unit
    result.exchanged = check_modalities(X).exchanged
    result.n_compared = int(result.pairs["nmi"].notna().sum())
    return result


def _one_slice(folder: Path, ct: str, mri: str, most: int) -> list[tuple[Floats, Any, float]]:
    planes = slice_pair(folder, ct, mri)
    height, width = planes[0].shape
    pair = np.stack([resize_observed(plane, (_SIDE, _SIDE)) for plane in planes])
    return [(pair, (height / _SIDE, width / _SIDE), np.nan)]


def _volume_slices(folder: Path, ct: str, mri: str, most: int) -> list[tuple[Floats, Any, float]]:
    levels = np.linspace(*_LEVELS, most)
    found = volume_pair(folder, ct, mri, levels, (_SIDE, _SIDE))
    return [(pair, (mm, mm), level) for level, pair, mm in found]
