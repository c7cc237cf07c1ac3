"""Affine warps and resizing of images with unobserved pixels (NaN)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_WEIGHT = 0.5
"""Least observed share of an output pixel's footprint; with less the pixel is NaN."""


def warp_observed(
    image: NDArray[np.floating],
    matrix: NDArray[np.floating],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Warp an image with unobserved pixels (NaN) by an affine matrix.

    Values and the mask of observed pixels are interpolated separately (linear) and
    divided [1]_, so one NaN removes one pixel, not its whole neighbourhood, and does not change
    the values beside it. If the matrix shrinks the image, both are first smoothed against
    aliasing (with the width of `skimage.transform.resize`).

    If it shrinks the image, isolated observed pixels cover less than half of an output pixel.
    They become NaN, without a warning.

    Parameters
    ----------
    image : array of shape (height, width) or (channels, height, width)
        Any real dtype; never modified.
    matrix : array of shape (2, 3)
        Maps (x, y, 1) of the input grid to (x, y) of the output grid, in pixels.
    shape : (int, int)
        Height and width of the output.

    Returns
    -------
    ndarray of float32, shape `shape` or (channels,) + `shape`
        NaN where less than half of the pixel's footprint was observed.

    References
    ----------
    .. [1] H. Knutsson, C.-F. Westin, "Normalized and differential convolution",
       CVPR 1993.

    Examples
    --------
    >>> from ctmri_detect.imageops.warp import warp_observed
    >>> shift = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    >>> warp_observed(np.array([[1.0, np.nan, 3.0, 4.0]]), shift, (1, 4))
    array([[nan, nan,  1., nan]], dtype=float32)
    """
    values, weight = _split(image)
    matrix = np.asarray(matrix, dtype=np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    sigma = max(0.0, (1.0 / scale - 1.0) / 2.0)
    if (weight == weight[0]).all():  # planes often share a mask, as after BrainMask
        weight = weight[:1]
    values, weight = (
        np.stack([_warp_plane(plane, matrix, shape, sigma) for plane in part])
        for part in (values, weight)
    )
    return _divide(values, weight, image.ndim)


def unwarp_observed(
    image: NDArray[np.floating],
    matrix: NDArray[np.floating],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Undo `warp_observed`: warp an image by the inverse matrix.

    Parameters
    ----------
    image : array of shape (height, width) or (channels, height, width)
        On the output grid of the forward warp.
    matrix : array of shape (2, 3)
        The forward matrix.
    shape : (int, int)
        Height and width of the grid that the forward warp started from.

    Returns
    -------
    ndarray of float32, shape `shape` or (channels,) + `shape`
        NaN where the forward warp's output did not reach.

    Examples
    --------
    >>> from ctmri_detect.imageops.warp import unwarp_observed, warp_observed
    >>> shift = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> there = warp_observed(np.array([[1.0, 2.0, 3.0, 4.0]]), shift, (1, 4))
    >>> unwarp_observed(there, shift, (1, 4))
    array([[ 1.,  2.,  3., nan]], dtype=float32)
    """
    inverse: NDArray[Any] = cv2.invertAffineTransform(np.asarray(matrix, dtype=np.float64))
    return warp_observed(image, inverse, shape)


def resize_observed(image: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize an image with unobserved pixels (NaN): by area when shrinking, else linearly.

    Parameters
    ----------
    image : array of shape (height, width) or (channels, height, width)
        Any real dtype; never modified.
    shape : (int, int)
        Height and width of the output.

    Returns
    -------
    ndarray of float32, shape `shape` or (channels,) + `shape`

    Examples
    --------
    >>> from ctmri_detect.imageops.warp import resize_observed
    >>> resize_observed(np.array([[1.0, 3.0, np.nan, np.nan]]), (1, 2))
    array([[ 2., nan]], dtype=float32)
    """
    values, weight = _split(image)
    height, width = image.shape[-2:]
    if (height, width) == tuple(shape):
        return np.where(weight > 0, values, np.float32(np.nan)).reshape(image.shape)
    shrinks = shape[0] <= height and shape[1] <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = [
        np.stack([cv2.resize(plane, (shape[1], shape[0]), interpolation=method) for plane in part])
        for part in (values, weight)
    ]
    return _divide(resized[0], resized[1], image.ndim)


def _split(image: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values with gaps set to 0, and 1 where observed; both (channels, height, width)."""
    planes = np.array(image, dtype=np.float32, ndmin=3)
    weight = np.isfinite(planes)
    return np.where(weight, planes, np.float32(0)), weight.astype(np.float32)


def _warp_plane(
    plane: NDArray[Any], matrix: NDArray[np.floating], shape: tuple[int, int], sigma: float
) -> NDArray[Any]:
    """Blur and warp one plane; OpenCV's rounding depends on the number of planes at once."""
    if sigma > 0.05:
        plane = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return cv2.warpAffine(
        plane,
        matrix,
        (shape[1], shape[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )


def _divide(
    values: NDArray[np.float32], weight: NDArray[np.float32], ndim: int
) -> NDArray[np.float32]:
    """Values over weight; NaN where the weight is too small. Drops the channel axis of 2-D."""
    enough = weight >= MIN_WEIGHT
    out = np.where(enough, values / np.where(enough, weight, 1), np.float32(np.nan))
    out = np.ascontiguousarray(out, dtype=np.float32)
    return out[0] if ndim == 2 else out
