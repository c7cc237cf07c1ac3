"""A slice of a pair of volumes, on the CT's grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.inspection.source import Source
from ctmri_detect.io.volumes.resample import Sampler, plane_grid


def volume_pair(
    source: Source, ct: str, mri: str, place: int | None = None
) -> NDArray[np.float32] | None:
    """A pair ``(2, height, width)`` at slice `place` of the CT (None: the middle one).

    The MRI is resampled on the CT's grid by the files' own coordinates. None where it does not
    reach this slice.

    Raises
    ------
    DataLoadingError
        If a volume can't be read. The message is a short reason.
    """
    a, b = source.volume(ct), source.volume(mri)
    plane = plane_grid(a, None)
    place = (len(a.values) - 1) // 2 if place is None else place
    pair = np.stack([plane.fit(image) for image in (a.values[place], Sampler(b, a).at(place))])
    return pair if np.isfinite(pair).any(axis=(1, 2)).all() else None
