"""Maps that reach as far as a mask does.

A `Reach` is such a mask, one bit a pixel; None where maps stay as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Reach = NDArray[np.uint8] | None


def packed_reach(mask: NDArray[np.bool_]) -> Reach:
    """The reach of a mask; None where it is empty."""
    return np.packbits(mask) if mask.any() else None


def back_to_reach(
    image: NDArray[np.floating], grid: tuple[int, int], reach: Reach
) -> NDArray[np.float32]:
    """Maps of one sample ``(..., height, width)`` extended over its reach on this grid."""
    if reach is None:
        return np.asarray(image, dtype=np.float32)
    mask = np.unpackbits(reach, count=grid[0] * grid[1]).reshape(grid).view(bool)
    return reaching(image, mask)


def reaching(
    image: NDArray[np.floating], mask: NDArray[np.bool_], most: float = 4.0
) -> NDArray[np.float32]:
    """Maps ``(..., height, width)`` extended over a mask, by the nearest value.

    Examples
    --------
    >>> image = np.array([[np.nan, np.nan, 3.0, 5.0]])
    >>> reaching(image, np.array([[False, True, True, True]])).tolist()
    [[nan, 3.0, 3.0, 5.0]]
    """
    out = np.array(image, dtype=np.float32)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return out
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    for plane in out.reshape(-1, *out.shape[-2:]):
        part = plane[box]
        empty = np.isnan(part)
        if empty.all() or not empty.any():
            continue
        gap, nearest = ndimage.distance_transform_edt(empty, return_indices=True)
        filled = empty & mask[box] & (gap <= most)
        part[filled] = part[tuple(nearest)][filled]
    return out
