"""CT and MRI of one pair of files, as slices on one grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.io.images import read_grey
from ctmri_detect.io.volumes.resample import Sampler, plane_grid
from ctmri_detect.io.volumes.volume_files import read_volume

Image = NDArray[Any]


def slice_pair(folder: Path, ct: str, mri: str) -> tuple[Image, Image]:
    """Two slice files; the MRI is resized where it differs.

    Raises
    ------
    DataLoadingError
        With a short reason.
    """
    first, second = read_grey(folder / ct), read_grey(folder / mri)
    if first.shape != second.shape:
        second = resize_observed(second, (first.shape[0], first.shape[1]))
    return first, second


def volume_pair(
    folder: Path, ct: str, mri: str, levels: Iterable[float], size: tuple[int, int] | None
) -> Iterator[tuple[float, NDArray[np.float32], float]]:
    """Level, pair ``(2, height, width)`` and mm a pixel at shares of the CT's height.

    The MRI is put on the CT's grid by the files' own coordinates; levels at which nothing of it
    lies are left out.

    Raises
    ------
    DataLoadingError
        With a short reason.
    """
    a, b = read_volume(folder / ct), read_volume(folder / mri)
    plane, sampler = plane_grid(a, size), Sampler(b, a)
    for level in levels:
        place = int(level * (len(a.values) - 1))
        pair = np.stack([plane.fit(image) for image in (a.values[place], sampler.at(place))])
        if np.isfinite(pair).any(axis=(1, 2)).all():
            yield float(level), pair, plane.spacing
