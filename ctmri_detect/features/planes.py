"""Planes prepared for a network or a filter: enlarged, filled, and counted in cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.gaps import fill_nearest
from ctmri_detect.validation import PairReader

OBSERVED_SHARE = 0.5  # a cell is seen where at least this share of its pixels was observed
_PIXELS_KEPT = 200_000  # at most, for the percentiles


def enlarged(planes: npt.NDArray[np.float32], least_side: int) -> npt.NDArray[np.float32]:
    """Planes ``(..., h, w)`` with each pixel repeated until no side is shorter than `least_side`.

    Examples
    --------
    >>> enlarged(np.zeros((8, 20), np.float32), 32).shape
    (32, 80)
    """
    k = -(-least_side // min(planes.shape[-2:]))
    return planes if k <= 1 else planes.repeat(k, axis=-2).repeat(k, axis=-1)


def nearest_filled(planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Planes ``(n, h, w)`` in which NaN takes the value of the nearest pixel that is not NaN.

    A plane of NaN becomes 0.

    Examples
    --------
    >>> nearest_filled(np.array([[[np.nan, 1, np.nan, np.nan, 4]]], np.float32)).tolist()
    [[[1.0, 1.0, 1.0, 4.0, 4.0]]]
    """
    out = np.zeros_like(planes)
    for plane, filled in zip(planes, out, strict=True):
        if (seen := ~np.isnan(plane)).any():
            filled[...] = fill_nearest(plane, seen)
    return out


def observed_cells(planes: npt.NDArray[np.float32], stride: int) -> npt.NDArray[np.bool_]:
    """Cells in which at least half of the pixels were observed.

    Parameters
    ----------
    planes : float array (..., height, width)
    stride : int
        Side of a cell in pixels. Pixels of a cell beyond the image count as not observed.

    Returns
    -------
    bool array (..., ceil(height / stride), ceil(width / stride))

    Examples
    --------
    >>> observed_cells(np.zeros((8, 11), np.float32), 4)
    array([[ True,  True,  True],
           [ True,  True,  True]])
    """
    *before, height, width = planes.shape
    rows, columns = -(-height // stride), -(-width // stride)
    seen = np.zeros((*before, rows * stride, columns * stride), np.float32)
    seen[..., :height, :width] = ~np.isnan(planes)
    cells = seen.reshape(*before, rows, stride, columns, stride).mean(axis=(-3, -1))
    return cells >= OBSERVED_SHARE


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
