"""Extend maps over a mask.

A `Reach` is such a mask, one bit for each pixel; None where maps stay as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Places = tuple[NDArray[Any], ...]  # rows and columns
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
    """Maps ``(..., height, width)`` extended over a mask by the nearest value, up to `most` pixels.

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
    before, to, source = None, None, None
    for plane in out.reshape(-1, *out.shape[-2:]):
        part = plane[box]
        empty = np.isnan(part)
        if empty.all() or not empty.any():
            continue
        if before is None or not np.array_equal(empty, before):  # planes are often seen alike
            before, (to, source) = empty, _nearest(~empty, empty & mask[box], most)
        part[to] = part[source]
    return out


def _nearest(known: Mask, asked: Mask, most: float) -> tuple[Places, Places]:
    """The `asked` pixels that have a known one within `most`, and the nearest known of each.

    Of several at the same distance, the one with the lowest column, then row, is taken.
    """
    width = int(most)
    padded, left = np.pad(known, width), np.argwhere(asked)
    to, source = [left[:0]], [left[:0]]
    for step in _by_distance(most):
        there = left + step
        found = padded[tuple((there + width).T)]
        to.append(left[found])
        source.append(there[found])
        left = left[~found]
        if not len(left):
            break
    return tuple(np.concatenate(to).T), tuple(np.concatenate(source).T)


@lru_cache(maxsize=8)
def _by_distance(most: float) -> list[tuple[int, int]]:
    """Steps (down, right) of at most this length, the shortest first."""
    far = range(-int(most), int(most) + 1)
    steps = [(y, x) for y in far for x in far if 0 < y * y + x * x <= most**2]
    return sorted(steps, key=lambda step: (step[0] ** 2 + step[1] ** 2, step[1], step[0]))
