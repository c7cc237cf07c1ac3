"""Contrast of left and right that tolerates shifts of a few pixels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def mirror_contrast(images: npt.NDArray[np.float32], tolerance: int = 2) -> npt.NDArray[np.float32]:
    """By how much a pixel exceeds everything near its mirror image.

    With ``M`` the image mirrored about the centre column and max, min taken over a disc of
    radius `tolerance`::

        D = max(S - max_disc(M), 0) - max(min_disc(M) - S, 0)

    So an asymmetry that a shift of `tolerance` pixels explains gives 0. The contrast is positive
    where the pixel is brighter than the other side. A lesion also appears with opposite sign on the
    healthy side.

    Parameters
    ----------
    images : float32 array (..., height, width)
        Head-aligned planes, NaN where nothing was observed.
    tolerance : int, default=2
        Radius of the disc in pixels. More hides small asymmetries.

    Returns
    -------
    float32 array of the same shape
        0 where the mirrored side was not observed, NaN where the pixel itself was not.

    Examples
    --------
    >>> x = np.zeros((1, 16, 16), np.float32); x[0, 8, 3] = 1
    >>> d = mirror_contrast(x, 1)
    >>> float(d[0, 8, 3]), float(d[0, 8, 12])
    (1.0, 0.0)
    """
    images = np.ascontiguousarray(images)
    out = np.zeros(images.shape, dtype=np.float32)
    size = 2 * int(tolerance) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    shape = images.shape[-2:]
    for plane, result in zip(images.reshape(-1, *shape), out.reshape(-1, *shape), strict=True):
        mirrored = np.ascontiguousarray(plane[:, ::-1])
        unseen = np.isnan(mirrored)
        above = cv2.dilate(np.where(unseen, -np.inf, mirrored).astype(np.float32), disc)
        below = cv2.erode(np.where(unseen, np.inf, mirrored).astype(np.float32), disc)
        both = ~(unseen | np.isnan(plane))
        value = plane[both]
        result[both] = np.maximum(value - above[both], 0) - np.maximum(below[both] - value, 0)
        result[np.isnan(plane)] = np.nan
    return out
