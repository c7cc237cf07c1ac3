"""All slices of the volumes of several heads, one head at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._floats import with_default_floats
from ctmri_detect.datasets.volume_findings import Used, left_out
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.volumes.cut import cut_volumes
from ctmri_detect.io.volumes.places import say
from ctmri_detect.io.volumes.volume_set import Cut, VolumeSet
from ctmri_detect.storage.pair_store import PairStore


@with_default_floats
def cut_all(
    sets: list[VolumeSet], cut: Cut, store: PairStore, skipped: Skipped
) -> tuple[list[list[Any]], list[NDArray[np.bool_] | None], Used, Counter[str]]:
    """Write the slices of all heads to a store; add what can't be used to `skipped`.

    Returns the rows of the frame, the lesions of the slices, the heads that gave slices, and how
    many slices were left out for each reason.

    Raises
    ------
    ValueError
        If the slices differ in size.
    """
    rows: list[list[Any]] = []
    lesions: list[NDArray[np.bool_] | None] = []
    used: Used = []
    empty: Counter[str] = Counter()
    for scans in sets:
        before = len(rows)
        left: Counter[str] = Counter()
        try:
            slices = cut_volumes(scans, cut)
            skipped += slices.unread
            there = {name: scans.files[name] for name in slices.names}
            files = [there.get(name) for name in scans.planes]
            for one in slices:
                if one.empty:
                    left[one.empty] += 1
                    continue
                _check_alike(one.image.shape, store.shape, scans.name, used)
                store.append(one.image[None])
                lesions.append(one.lesion)
                place = [one.index, one.instance, one.z_mm, one.spacing]
                rows.append([*files, scans.patient, *place, scans.sequence, None, slices.grid])
        except DataLoadingError as error:
            skipped.append((scans.name, str(error)))
            continue
        if len(rows) == before:
            why = f" {say(slices.doubts)}" if slices.doubts else ""
            what = (
                "shows the head in both: do the two overlap?" if len(there) > 1 else "shows a head"
            )
            skipped.append((scans.name, f"no slice {what}{why}"))
        else:
            used.append((scans, slices))
            skipped += left_out(scans, left, len(rows) - before + left.total())
        empty += left
    return rows, lesions, used, empty


def _check_alike(
    shape: tuple[int, ...], first: tuple[int, ...] | None, name: str, used: Used
) -> None:
    """Refuse slices whose size differs from that of the first."""
    if first in (None, shape):
        return
    sizes = [f"{height}x{width}" for _, height, width in (first or (), shape)]
    raise ValueError(
        f"The volumes differ in size: {used[0][0].name} is {sizes[0]}, {name} is {sizes[1]}. "
        "Expected one size. To resize all, pass size=256 or another side (in the command: "
        "--image-size 256)."
    )
