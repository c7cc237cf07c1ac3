"""A multi-scale filter bank that respects the mask."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.smooth import gaussian

SIGMAS = (0.7, 1.5, 3.0, 6.0)  # pixels: from a vessel to a lobe, at 128 x 128
_LAPLACE = (1.5, 3.0)
_EXTREME = np.ones((7, 7), np.uint8)
N_FILTERS = 1 + len(SIGMAS) + 1 + len(_LAPLACE) + 2
N_GEOMETRY = 4

Plane = npt.NDArray[np.float32]


def filter_bank(plane: Plane, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Responses of one plane.

    The plane itself, Gaussians of .7, 1.5, 3 and 6 px, the gradient magnitude, Laplacians of
    Gaussian of 1.5 and 3 px, and the minimum and maximum over 7 x 7.

    Parameters
    ----------
    plane : float32 array (height, width)
    seen : bool array (height, width)
        Where it was observed; elsewhere its values are not looked at.

    Returns
    -------
    float32 array (10, height, width)
        Meaningful where `seen`.

    Examples
    --------
    >>> filter_bank(np.ones((16, 16), np.float32), np.ones((16, 16), bool)).shape
    (10, 16, 16)
    """
    value = np.where(seen, plane, np.float32(0))
    weight = seen.astype(np.float32)
    scales = [_normalised(value, weight, sigma) for sigma in SIGMAS]
    # unobserved pixels take the wide average, so that the mask's edge is no edge of the image
    filled = np.where(seen, plane, scales[-1])
    fine = gaussian(filled, SIGMAS[0]).astype(np.float64)
    gradient = np.hypot(cv2.Sobel(fine, cv2.CV_64F, 1, 0), cv2.Sobel(fine, cv2.CV_64F, 0, 1))
    blurred = {s: gaussian(filled, s).astype(np.float64) for s in _LAPLACE}
    laplace = [s**2 * cv2.Laplacian(image, cv2.CV_64F) for s, image in blurred.items()]
    least = cv2.erode(np.where(seen, plane, np.float32(np.inf)), _EXTREME)
    most = cv2.dilate(np.where(seen, plane, np.float32(-np.inf)), _EXTREME)
    bank = np.stack([value, *scales, gradient, *laplace, least, most]).astype(np.float32)
    bank[:, ~seen] = 0
    return np.asarray(bank, dtype=np.float32)


def _normalised(value: Plane, weight: Plane, sigma: float) -> Plane:
    share = np.maximum(gaussian(weight, sigma), np.float32(1e-6))
    return np.asarray(gaussian(value, sigma) / share, dtype=np.float32)


def geometry(seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Where a pixel lies in the head.

    Parameters
    ----------
    seen : bool array (height, width)
        The brain.

    Returns
    -------
    float32 array (4, height, width)
        Distance to the brain's edge, height about the centre row, distance from the centre
        column, and the brain's area, all as shares of the image.

    Examples
    --------
    >>> geometry(np.ones((8, 8), bool))[3, 0, 0].item()
    1.0
    """
    height, width = seen.shape
    padded = cv2.copyMakeBorder(seen.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    edge = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1] / max(height, width)
    y, x = np.mgrid[:height, :width]
    y = (y - (height - 1) / 2) / height
    x = np.abs(x - (width - 1) / 2) / width
    area = np.full(seen.shape, seen.mean())
    return np.stack([edge, y, x, area]).astype(np.float32)
