"""Whether the images of a folder are pairs, by the tests of a fit, and how far they are shifted."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import RandomState
from ctmri_detect.datasets.volume_cutting import cut_all
from ctmri_detect.inspection.source import SlicePairs, Source
from ctmri_detect.io.volumes.volume_set import Cut, VolumeSet
from ctmri_detect.pairing.check import pairing_verdict
from ctmri_detect.pairing.modalities import modalities_verdict
from ctmri_detect.pairing.shift import estimate_shift
from ctmri_detect.storage.pair_store import PairStore
from ctmri_detect.validation import PairReader

BAD_SHIFT = 0.015
"""A pair that is shifted by a larger share of the image's side is called badly registered. It is 4
of 256 pixels, about the width of the grey matter of a gyrus at 0.9 mm per pixel. 1 to 2 mm are
usual, and detectors tolerate 2 to 4 pixels."""

_SIDE = 256
_MOST = 128  # pairs whose shift is estimated: one to ten seconds
_MOST_VOLUMES = 24  # pairs of volumes that are cut: one or two minutes
_LEVELS = (0.3, 0.7)  # part of a volume's slices for the shift: above the teeth, below the vertex

Rows = NDArray[np.int64]


def check_slices(source: Source, rows: pd.DataFrame, random_state: RandomState) -> Bunch | None:
    """The verdicts on pairs of slice files, as in `check_volumes`; shifts in pixels of the CT."""
    if rows.empty:
        return None
    X = SlicePairs(source, list(zip(rows["ct"], rows["mri"], strict=True)), _SIDE)
    table = rows[["ct", "mri", "patient"]].reset_index(drop=True).assign(place=np.nan)
    chosen = np.unique(np.linspace(0, len(table) - 1, min(_MOST, len(table))).astype(int))
    steps = {}
    for row in chosen:
        if not np.isnan(X[np.array([row])]).all():
            height, width = source.grey(table["ct"].iloc[row]).shape
            steps[int(row)] = (height / _SIDE, width / _SIDE)
    return _asked(PairReader(X), table, steps, "px", random_state) if steps else None


@with_default_floats
def check_volumes(sets: list[VolumeSet], random_state: RandomState) -> Bunch | None:
    """The verdicts on at most 24 pairs of volumes, cut as `load_volume_pairs` cuts them.

    Of several sequences, the most frequent is compared with the CT.

    Returns
    -------
    Bunch or None
        None where there is nothing to compare. Else

        - paired, why, p_value, statistic, mirrored, p_mirrored, slip, p_slip: as in
          `check_pairing`; n_compared: the number of pairs that were compared;
        - exchanged: as in `check_modalities`;
        - pairs: at most 128 of them, with ct, mri, place (slice of the CT, NaN for slice files),
          nmi, shift_y, shift_x, shift and bad; shift: that column;
        - shift_unit: "mm", or "px" for slice files.
    """
    pairs = _couples(sets)
    if not pairs:
        return None
    few = np.unique(np.linspace(0, len(pairs) - 1, min(_MOST_VOLUMES, len(pairs))).astype(int))
    with tempfile.TemporaryDirectory() as folder:
        store = PairStore(Path(folder) / "pairs.npy")  # memory holds one pair of volumes at a time
        with store:
            rows = cut_all([pairs[i] for i in few], Cut(None, (_SIDE, _SIDE), True), store, [])[0]
        if not rows:
            return None
        table = pd.DataFrame(
            [(row[0], row[1], row[2], row[3]) for row in rows],
            columns=["ct", "mri", "patient", "place"],
        )
        steps = {row: (rows[row][6], rows[row][6]) for row in _middle(table)}
        data = store.data()
        found = _asked(PairReader(data), table, steps, "mm", random_state)
        del data  # before its file is removed
    return found


def _couples(sets: list[VolumeSet]) -> list[VolumeSet]:
    """The CT of each head with its MRI of the most frequent sequence, as pairs."""
    counts = Counter(
        name for one in sets if "ct" in one.files for name in one.files if name != "ct"
    )
    if not counts:
        return []
    name = counts.most_common(1)[0][0]
    return [
        replace(
            one,
            planes=("ct", "mri"),
            files={"ct": one.files["ct"], "mri": one.files[name]},
            readers={"ct": one.readers["ct"], "mri": one.readers[name]},
            whole=True,
        )
        for one in sets
        if {"ct", name} <= set(one.files)
    ]


def _middle(table: pd.DataFrame) -> list[int]:
    """Rows from the middle part of each volume, at most 128 in all."""
    volumes = [group.index for _, group in table.groupby("ct", sort=False)]
    most = max(1, min(8, _MOST // len(volumes)))
    chosen = []
    for index in volumes:
        low, high = (share * (len(index) - 1) for share in _LEVELS)
        places = np.linspace(low, high, most).round().astype(int)
        chosen += [int(index[i]) for i in np.unique(places)]
    return chosen


def _asked(
    X: PairReader,
    table: pd.DataFrame,
    steps: dict[int, tuple[float, float]],
    unit: str,
    random_state: RandomState,
) -> Bunch:
    patients = table["patient"]
    codes = pd.factorize(patients)[0].astype(np.int64) if patients.notna().all() else None
    verdict = pairing_verdict(X, codes, random_state=random_state)
    chosen = list(steps)
    moved = np.array([estimate_shift(X[row : row + 1][0]) for row in chosen])
    nmi = pd.Series(verdict.nmi, index=verdict.rows, dtype=float)
    shown = table.loc[chosen, ["ct", "mri", "place"]].assign(nmi=nmi.reindex(chosen))
    shown[["shift_y", "shift_x"]] = moved * np.array([steps[row] for row in chosen])
    shown["shift"] = np.hypot(shown["shift_y"], shown["shift_x"])
    shown["bad"] = np.hypot(*moved.T) > BAD_SHIFT * max(X.shape[2:])
    shown = shown.reset_index(drop=True)
    return Bunch(
        **verdict.as_entries(),
        n_compared=len(verdict.rows),
        exchanged=modalities_verdict(X).exchanged,
        pairs=shown,
        shift=shown["shift"].to_numpy(),
        shift_unit=unit,
    )
