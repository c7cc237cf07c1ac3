"""CT and MRI of one pair of volumes, as slices on one grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.inspection.source import Source
from ctmri_detect.io.volumes.resample import Sampler, plane_grid


def volume_pair(
    source: Source, ct: str, mri: str, levels: Iterable[float]
) -> Iterator[NDArray[np.float32]]:
    """A pair ``(2, height, width)`` at each share of the CT's height.

    The MRI is put on the CT's grid by the files' own coordinates; levels at which nothing of it
    lies are left out.

    Raises
    ------
    DataLoadingError
        With a short reason.
    """
    a, b = source.volume(ct), source.volume(mri)
    plane, sampler = plane_grid(a, None), Sampler(b, a)
    for level in levels:
        place = int(level * (len(a.values) - 1))
        pair = np.stack([plane.fit(image) for image in (a.values[place], sampler.at(place))])
        if np.isfinite(pair).any(axis=(1, 2)).all():
            yield pair
