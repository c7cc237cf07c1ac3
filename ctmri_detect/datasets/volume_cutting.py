"""All slices of a list of pairs of volumes, one pair of volumes at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._floats import with_default_floats
from ctmri_detect.datasets.volume_findings import Used, left_out
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.volumes.cut import Cut, VolumePair, cut_volumes
from ctmri_detect.io.volumes.places import say
from ctmri_detect.storage.pair_store import PairStore


@with_default_floats
def cut_all(
    pairs: list[VolumePair], cut: Cut, store: PairStore, skipped: Skipped
) -> tuple[list[list[Any]], list[NDArray[np.bool_] | None], Used, Counter[str]]:
    """Cut all pairs of volumes into a store; what can't be used is added to `skipped`.

    Returns the rows of the frame, lesions, the pairs of volumes that gave any, empty slices.

    Raises
    ------
    ValueError
        Where the slices differ in size.
    """
    rows: list[list[Any]] = []
    lesions: list[NDArray[np.bool_] | None] = []
    used: Used = []
    empty: Counter[str] = Counter()
    for pair in pairs:
        before = len(rows)
        left: Counter[str] = Counter()
        try:
            slices = cut_volumes(pair, cut)
            for one in slices:
                if one.empty:
                    left[one.empty] += 1
                    continue
                _check_alike(one.pair.shape, store.shape, pair.ct, used)
                store.append(one.pair[None])
                lesions.append(one.lesion)
                place = [one.index, one.instance, one.z_mm, one.spacing]
                about = [*place, pair.sequence, None, slices.grid]
                rows.append([pair.ct, pair.mri, pair.patient, *about])
        except DataLoadingError as error:
            skipped.append((pair.ct, str(error)))
            continue
        if len(rows) == before:
            why = f" {say(slices.doubts)}" if slices.doubts else ""
            skipped.append((pair.ct, f"no slice shows the head in both: do the two overlap?{why}"))
        else:
            used.append((pair, slices))
            skipped += left_out(pair, left, len(rows) - before + left.total())
        empty += left
    return rows, lesions, used, empty


def _check_alike(
    shape: tuple[int, ...], first: tuple[int, ...] | None, name: str, used: Used
) -> None:
    """Refuse slices of another size than the first."""
    if first in (None, shape):
        return
    sizes = [f"{height}x{width}" for _, height, width in (first or (), shape)]
    raise ValueError(
        f"The volumes differ in size: {used[0][0].ct} is {sizes[0]}, {name} is {sizes[1]}. "
        "Expected one size; pass size=, such as size=256, to scale all."
    )
