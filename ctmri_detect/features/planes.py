"""Planes prepared for a network or a filter: filled, and summed over cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.gaps import nearest
from ctmri_detect.validation import PairReader

OBSERVED_SHARE = 0.5  # a cell is seen where at least this share of its pixels was observed
_PIXELS_KEPT = 200_000  # at most, for the percentiles


def nearest_filled(planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Planes ``(n, h, w)`` in which NaN takes the value of the nearest pixel that is not NaN.

    A plane of NaN becomes 0.

    Examples
    --------
    >>> nearest_filled(np.array([[[np.nan, 1, np.nan, np.nan, 4]]], np.float32)).tolist()
    [[[1.0, 1.0, 1.0, 4.0, 4.0]]]
    """
    out, gaps = planes.copy(), np.isnan(planes)
    before, place = None, None
    for plane, gap in zip(out, gaps, strict=True):
        if gap.all():
            plane[...] = 0
        elif gap.any():
            if before is None or not np.array_equal(gap, before):  # planes of a pair often agree
                before, place = gap, nearest(~gap)
            plane[...] = plane[place]
    return out


def grey_images(
    planes: npt.NDArray[np.float32],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    multiple: int,
) -> npt.NDArray[np.float32]:
    """Planes as a network of photographs expects them, from -1 (black) to 1 (white).

    Parameters
    ----------
    planes : float array (n, height, width)
        NaN takes the nearest value.
    low, high : float arrays (n,)
        What becomes black and white in each. Values beyond are clipped at -2 and 2.
    multiple : int
        The last row and column are repeated until the sides are multiples of it.

    Returns
    -------
    float32 array (n, height, width)

    Examples
    --------
    >>> grey_images(np.arange(3.0).reshape(1, 1, 3), np.zeros(1), np.full(1, 2), 2).tolist()
    [[[-1.0, 0.0, 1.0, 1.0], [-1.0, 0.0, 1.0, 1.0]]]
    """
    low, high = low[:, None, None], high[:, None, None]
    grey = np.clip((nearest_filled(planes) - low) / (high - low), -0.5, 1.5)
    pad = [(0, -side % multiple) for side in planes.shape[1:]]
    return np.pad((2 * grey - 1).astype(np.float32), [(0, 0), *pad], mode="edge")


def cell_sums(planes: npt.NDArray[Any], cell: int) -> npt.NDArray[np.float32]:
    """Sums over the pixels of each cell; pixels of a cell beyond the image count as 0.

    Parameters
    ----------
    planes : array (..., height, width)
    cell : int
        Side of a cell in pixels.

    Returns
    -------
    float32 array (..., ceil(height / cell), ceil(width / cell))

    Examples
    --------
    >>> cell_sums(np.ones((8, 11)), 4)
    array([[16., 16., 12.],
           [16., 16., 12.]], dtype=float32)
    """
    *before, height, width = planes.shape
    rows, columns = -(-height // cell), -(-width // cell)
    bands = np.zeros((*before, rows, width), np.float32)
    for i in range(min(cell, height)):  # strided sums: a fifth of the time of reduceat
        part = planes[..., i::cell, :]
        bands[..., : part.shape[-2], :] += part
    sums = np.zeros((*before, rows, columns), np.float32)
    for i in range(min(cell, width)):
        part = bands[..., i::cell]
        sums[..., : part.shape[-1]] += part
    return sums


def observed_cells(planes: npt.NDArray[np.float32], cell: int) -> npt.NDArray[np.bool_]:
    """Cells in which at least half of the pixels were observed.

    Parameters
    ----------
    planes : float array (..., height, width)
    cell : int
        Side of a cell in pixels. Pixels of a cell beyond the image count as not observed.

    Returns
    -------
    bool array (..., ceil(height / cell), ceil(width / cell))

    Examples
    --------
    >>> observed_cells(np.zeros((8, 11), np.float32), 4)
    array([[ True,  True,  True],
           [ True,  True,  True]])
    """
    return np.asarray(cell_sums(~np.isnan(planes), cell) >= OBSERVED_SHARE * cell**2)


def grey_range(X: PairReader) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """1st and 99th percentile of each plane over evenly spaced pixels: float64 ``(n_planes,)``.

    A plane that was never observed, or in which nothing varies, gets a range of length 1.
    """
    n_planes = X.shape[1]
    step = max(1, int(np.prod(X.shape)) // n_planes // _PIXELS_KEPT)
    sample = np.concatenate(
        [np.moveaxis(block, 1, 0).reshape(n_planes, -1)[:, ::step] for block in X.blocks()], axis=1
    )
    low, high = np.zeros(n_planes), np.ones(n_planes)
    for plane, values in enumerate(sample):
        values = values[~np.isnan(values)]
        if values.size:
            low[plane], high[plane] = np.percentile(values.astype(np.float64), (1, 99))
    return low, np.where(high > low, high, low + 1)
