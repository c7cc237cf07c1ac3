"""Maps of slices as a volume on the CT's grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.warp import MIN_WEIGHT, resize_observed
from ctmri_detect.io.volumes.grid import Grid
from ctmri_detect.io.volumes.resample import fitted

_TOUCH = 1e-6  # share of a slice: a smaller overlap is rounding
_NAN = np.float32(np.nan)


def map_volume(
    images: Sequence[NDArray[np.floating]],
    z_mm: NDArray[np.float64],
    spacing: NDArray[np.float64],
    grid: Grid,
    ends: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Images of slices, put back to the places in the CT from which the slices were cut.

    The padding of `size=` is cut off, and each image is scaled linearly to the CT's pixels. A
    slice of the CT gets the mean of the images that reach into it, weighted by how much of it
    each covers.

    Parameters
    ----------
    images : sequence of arrays of shape (height, width)
        NaN where nothing was observed.
    z_mm : float64 array (n,)
        The middle of each slice above the CT's lowest slice.
    spacing : float64 array (n, 2)
        Millimetres per pixel, along rows and columns.
    grid : Grid
    ends : float64 array (m, 2), default=None
        Begin and end of the slices of the result, in steps of the grid's affine; None: those of
        the CT's slices.

    Returns
    -------
    float32 array (m, rows, columns)
        With the axes of a `Volume`; NaN where less than half of a voxel was observed.

    Examples
    --------
    >>> from ctmri_detect.io.volumes.volume import canonical
    >>> from ctmri_detect.io.volumes.grid import grid_of
    >>> ct = canonical(np.zeros((4, 4, 3)), np.diag([1.0, 1.0, 5.0, 1.0]))
    >>> grid = grid_of(ct, None)
    >>> found = map_volume([np.ones((2, 2))], np.array([5.0]), np.array([[2.0, 2.0]]), grid)
    >>> found.shape, found[:, 0, 0].tolist()
    ((3, 4, 4), [nan, 1.0, nan])
    """
    ends = grid.layers.ends if ends is None else ends
    reach = grid.reach(z_mm)
    out = np.full((len(ends), *grid.shape[1:]), _NAN, dtype=np.float32)
    for (low, high), image in zip(ends, out, strict=True):
        share = (np.minimum(high, reach[:, 1]) - np.maximum(low, reach[:, 0])) / (high - low)
        total, seen = np.zeros_like(image), np.zeros_like(image)
        for i in np.flatnonzero(share > _TOUCH).tolist():
            there = _on_pixels(np.asarray(images[i]), spacing[i], grid)
            observed = ~np.isnan(there)
            total += np.float32(share[i]) * np.where(observed, there, np.float32(0))
            seen += np.float32(share[i]) * observed
        enough = seen >= MIN_WEIGHT
        image[enough] = total[enough] / seen[enough]
    return out


def _on_pixels(
    image: NDArray[np.floating], spacing: NDArray[np.float64], grid: Grid
) -> NDArray[np.float32]:
    """An image of a slice, scaled to the pixels of the CT."""
    rows, columns = grid.shape[1:]
    extent = [n * mm for n, mm in zip((rows, columns), grid.spacing[1:], strict=True)]
    height, width = image.shape
    inner = fitted(extent, (float(spacing[0]), float(spacing[1])), (height, width))
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2  # as `Plane.fit` pads
    inside = image[top : top + inner[0], left : left + inner[1]]
    return resize_observed(inside, (rows, columns))
