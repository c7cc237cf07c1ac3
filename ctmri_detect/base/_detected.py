"""What `detect` returns: regions of a block, and blocks joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._types import PairsLike
from ctmri_detect.pairs import Pairs
from ctmri_detect.scoring import region_table

DETECTED = (
    "anomaly_score",
    "decision",
    "prediction",
    "p_value",
    "seen_in_fit",
    "anomaly_map",
    "z_maps",
    "regions",
)
UNCLIPPED = "unclipped_z_maps"
"""An entry of `iter_detect` that is given only if it is named."""


def check_include(include: Sequence[str]) -> None:
    """Refuse a name that is no entry."""
    wrong = [name for name in include if name not in (*DETECTED, UNCLIPPED)]
    if wrong or isinstance(include, str) or not include:
        raise ValueError(
            f"include is {include!r}; expected a list of some of {', '.join(DETECTED)}."
        )


def of_block(judged: Bunch, start: int, offset: float) -> Bunch:
    """One block of `iter_detect` without its regions; its first sample is row `start`."""
    scores = judged.score_samples
    return Bunch(
        samples=np.arange(start, start + len(scores)),
        anomaly_score=-scores,
        decision=scores - offset,
        prediction=called(scores - offset),
        p_value=judged.p_values,
        seen_in_fit=judged.get("seen_in_fit"),
        anomaly_map=judged.anomaly_map,
        z_maps=judged.z_maps,
        unclipped_z_maps=judged.get(UNCLIPPED),
    )


def regions_of(
    z_maps: npt.NDArray[np.float32],
    X: PairsLike,
    rows: npt.NDArray[np.int64],
    *,
    threshold: float,
    modalities: Sequence[str],
    spacing: npt.ArrayLike | None = None,
    unclipped: npt.NDArray[np.float32] | None = None,
) -> pd.DataFrame:
    """The region table of these rows of X; without `spacing`, what `Pairs` know is taken.

    `unclipped` are z-maps without the bound, for the peaks (see `scoring.region_table`).

    Examples
    --------
    >>> z = np.zeros((1, 2, 8, 8), np.float32); z[0, 1, 2:4, 2:4] = 5
    >>> X = Pairs(np.zeros((3, 2, 8, 8)), spacing=(0.5, 2.0))
    >>> table = regions_of(z, X, np.array([2]), threshold=3.0, modalities=X.modalities)
    >>> table[["sample", "modality", "area_mm2"]].to_dict("records")
    [{'sample': 2, 'modality': 'MRI', 'area_mm2': 4.0}]
    """
    if spacing is None and isinstance(X, Pairs) and X.spacing is not None:
        spacing = X.spacing[rows]
    table = region_table(
        z_maps,
        threshold=threshold,
        spacing=spacing,
        modalities=modalities,
        unclipped=unclipped,
    )
    return table.assign(sample=rows[table["sample"].to_numpy(dtype=int)])


def joined(blocks: Iterable[Bunch], include: Sequence[str]) -> Bunch:
    """The named entries of all blocks, one after the other.

    Raises
    ------
    ValueError
        For a name that is no entry.

    Examples
    --------
    >>> joined([Bunch(decision=np.ones(2)), Bunch(decision=np.zeros(1))], ["decision"]).decision
    array([1., 1., 0.])
    """
    check_include(include)
    parts: dict[str, list[Any]] = {name: [] for name in include}
    for block in blocks:
        for name in include:
            parts[name].append(block[name])
    return Bunch(**{name: _one(values) for name, values in parts.items()})


def _one(values: list[Any]) -> npt.NDArray[Any] | pd.DataFrame:
    if isinstance(values[0], pd.DataFrame):
        return pd.concat(values, ignore_index=True)
    return np.concatenate(values)


def called(decision: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """-1 below 0, else +1."""
    return np.where(decision < 0, -1, 1).astype(np.int64)
