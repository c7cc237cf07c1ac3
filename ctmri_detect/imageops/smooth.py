"""Gaussian smoothing of observed pixels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.banded import Planes, blurred

Seen = npt.NDArray[np.bool_]


def gaussian(image: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """OpenCV's Gaussian of one plane, reflected at the border; `sigma` in pixels.

    Computed in double precision: in single precision, OpenCV's last digit depends on the memory
    alignment.
    """
    if sigma <= 0:
        return image
    exact = np.asarray(image, dtype=np.float64)
    blurred = cv2.GaussianBlur(exact, (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, dtype=np.float32)


def smooth_observed(planes: npt.NDArray[np.float32], seen: Seen, sigma: float) -> Planes:
    """`masked_gaussian` of many planes at once, faster, for few different `sigma`.

    Parameters
    ----------
    planes : float32 array (..., height, width)
    seen : bool array (..., height, width)
        Where they were observed; leading axes are broadcast, and computed once.
    sigma : float
        Standard deviation in pixels; 0 returns a copy.

    Returns
    -------
    float32 array of the shape of `planes`, NaN where not `seen`.

    Examples
    --------
    >>> x = np.ones((2, 9, 9), np.float32)
    >>> bool(np.allclose(smooth_observed(x, np.ones((1, 9, 9), bool), 2.0), 1.0))
    True
    """
    if sigma <= 0:
        return np.where(seen, planes, np.float32(np.nan))
    weight = blurred(seen.astype(np.float32, order="C"), sigma)
    weight = np.where(seen, np.maximum(weight, np.float32(1e-6)), np.float32(np.nan))
    out = blurred(np.where(seen, planes, np.float32(0)), sigma)
    out /= weight
    return out


def masked_gaussian(images: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """Smooth planes over their observed pixels only.

    Values and mask are smoothed separately and divided (normalised convolution, Knutsson and
    Westin 1993), so that NaN does not spread and values near the border are not lowered.

    Parameters
    ----------
    images : float32 array (..., height, width)
        NaN where nothing was observed.
    sigma : float
        Standard deviation in pixels; 0 returns a copy.

    Returns
    -------
    float32 array of the same shape, NaN where the input is NaN.

    Examples
    --------
    >>> x = np.ones((1, 9, 9), np.float32); x[0, 0] = np.nan
    >>> bool(np.allclose(masked_gaussian(x, 2.0)[0, 1:], 1.0))
    True
    """
    out = np.array(images, dtype=np.float32, order="C")
    if sigma <= 0:
        return out
    weights: dict[bytes, npt.NDArray[np.float32]] = {}  # planes often share a mask
    for plane in out.reshape(-1, *out.shape[-2:]):
        seen = ~np.isnan(plane)
        if seen.all():
            plane[...] = gaussian(plane, sigma)
        elif seen.any():
            mask = seen.tobytes()
            if mask not in weights:
                weights[mask] = np.maximum(gaussian(seen.astype(np.float32), sigma), 1e-6)
            value = gaussian(np.where(seen, plane, np.float32(0)), sigma)
            np.divide(value, weights[mask], out=plane, where=seen)
    return out
