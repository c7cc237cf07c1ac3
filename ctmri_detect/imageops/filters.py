"""A multi-scale filter bank that uses observed pixels only."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.banded import across, down, operator

SIGMAS = (0.7, 1.5, 3.0, 6.0)  # pixels: from a vessel to a lobe, at 128 x 128
_LAPLACE = (1.5, 3.0)
_EXTREME = np.ones((7, 7), np.uint8)
N_FILTERS = 1 + len(SIGMAS) + 1 + len(_LAPLACE) + 2
N_GEOMETRY = 4

Planes = npt.NDArray[np.float32]
Masks = npt.NDArray[np.bool_]


def filter_bank(planes: Planes, seen: Masks, shares: Planes | None = None) -> Planes:
    """Filter responses of each plane.

    The plane itself, Gaussians of .7, 1.5, 3 and 6 px, the gradient magnitude at .7 px in
    intensities a pixel, Laplacians of Gaussian of 1.5 and 3 px times sigma squared, and the
    minimum and maximum over 7 x 7. The Gaussians are normalised convolutions. For gradient and
    Laplacians, unobserved pixels take the value of the widest Gaussian.

    Parameters
    ----------
    planes : float32 array (..., height, width)
    seen : bool array (..., height, width)
        Where they were observed; other values are ignored.
    shares : float32 array (..., 4, height, width), default=None
        ``mask_shares(seen)``, for masks that several calls or planes share; leading axes are
        broadcast. None computes it.

    Returns
    -------
    float32 array (..., 10, height, width)
        0 where not `seen`. The responses of a plane do not depend on the other planes.

    Notes
    -----
    The linear filters are separable, so each is a product ``A_h @ plane @ A_w.T`` with banded
    matrices, reflected at the border. The gradient uses a sampled derivative of Gaussian, the
    Laplacian the five-point Laplacian of the Gaussian.

    Examples
    --------
    >>> filter_bank(np.ones((3, 16, 16), np.float32), np.ones((3, 16, 16), bool)).shape
    (3, 10, 16, 16)
    """
    lead, (height, width) = planes.shape[:-2], planes.shape[-2:]
    shares = mask_shares(seen) if shares is None else shares
    bank = np.empty((*lead, N_FILTERS, height, width), np.float32)
    value, scales = bank[..., 0, :, :], bank[..., 1 : 1 + len(SIGMAS), :, :]
    value[...] = np.where(seen, planes, np.float32(0))
    _gaussians(value, scales)
    scales /= shares
    # unobserved pixels take the wide average, so that the mask adds no edge to the image
    filled = np.where(seen, value, scales[..., -1, :, :])
    first = 1 + len(SIGMAS)
    _gradient(filled, bank[..., first, :, :])
    for k, sigma in enumerate(_LAPLACE, first + 1):
        _laplacian(filled, sigma, bank[..., k, :, :])
    bank[..., :-2, :, :] *= seen[..., None, :, :].astype(np.float32)
    _extremes(value, seen, bank[..., -2:, :, :])
    return bank


def mask_shares(seen: Masks) -> Planes:
    """How much of each Gaussian of the bank lies on observed pixels.

    Parameters
    ----------
    seen : bool array (..., height, width)

    Returns
    -------
    float32 array (..., 4, height, width)
        At least 1e-6, since it is a divisor.

    Examples
    --------
    >>> mask_shares(np.ones((16, 16), bool))[:, 0, 0].round(4).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    shares = np.empty((*seen.shape[:-2], len(SIGMAS), *seen.shape[-2:]), np.float32)
    # in C order, since BLAS may sum in another order where columns come first
    _gaussians(seen.astype(np.float32, order="C"), shares)
    return np.maximum(shares, np.float32(1e-6), out=shares)


def geometry(seen: Masks) -> Planes:
    """The place of each pixel in the head.

    Parameters
    ----------
    seen : bool array (..., height, width)
        The brain.

    Returns
    -------
    float32 array (..., 4, height, width)
        Distance to the brain's edge, height relative to the centre row, distance from the centre
        column, and the brain's area, all as shares of the image.

    Examples
    --------
    >>> geometry(np.ones((2, 8, 8), bool))[:, 3, 0, 0].tolist()
    [1.0, 1.0]
    """
    height, width = seen.shape[-2:]
    place = np.empty((*seen.shape[:-2], N_GEOMETRY, height, width), np.float32)
    place[..., 1:3, :, :] = _grid(height, width)
    place[..., 3, :, :] = seen.mean(axis=(-2, -1), keepdims=True)
    padded = np.zeros((height + 2, width + 2), np.uint8)
    masks = seen.reshape(-1, height, width)
    for mask, out in zip(masks, place.reshape(-1, N_GEOMETRY, height, width), strict=True):
        padded[1:-1, 1:-1] = mask
        out[0] = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    place[..., 0, :, :] /= np.float32(max(height, width))
    return place


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> Planes:
    y, x = np.mgrid[:height, :width]
    y = (y - (height - 1) / 2) / height
    grid = np.stack([y, np.abs(x - (width - 1) / 2) / width]).astype(np.float32)
    grid.flags.writeable = False
    return grid


def _gaussians(planes: Planes, out: Planes) -> None:
    height, width = planes.shape[-2:]
    for k, sigma in enumerate(SIGMAS):
        rows = down(operator(height, sigma), planes)
        across(rows, operator(width, sigma), out[..., k, :, :])


def _gradient(planes: Planes, out: Planes) -> None:
    """Length of the gradient at the finest scale."""
    height, width = planes.shape[-2:]
    fine, slope = ((SIGMAS[0], "gaussian"), (SIGMAS[0], "slope"))
    dy = across(down(operator(height, *slope), planes), operator(width, *fine))
    dx = across(down(operator(height, *fine), planes), operator(width, *slope))
    dy *= dy
    dx *= dx
    np.sqrt(np.add(dy, dx, out=dy), out=out)


def _laplacian(planes: Planes, sigma: float, out: Planes) -> None:
    height, width = planes.shape[-2:]
    across(down(operator(height, sigma), planes), operator(width, sigma, "curvature"), out)
    bent = down(operator(height, sigma, "curvature"), planes)
    out += across(bent, operator(width, sigma))


def _extremes(value: Planes, seen: Masks, out: Planes) -> None:
    """Minimum and maximum of the observed pixels; 0 where not seen."""
    shape = value.shape[-2:]
    least = np.where(seen, value, np.float32(np.inf)).reshape(-1, *shape)
    most = np.where(seen, value, np.float32(-np.inf)).reshape(-1, *shape)
    for low, high in zip(least, most, strict=True):
        low[...] = cv2.erode(low, _EXTREME)
        high[...] = cv2.dilate(high, _EXTREME)
    out[..., 0, :, :] = np.where(seen, least.reshape(seen.shape), np.float32(0))
    out[..., 1, :, :] = np.where(seen, most.reshape(seen.shape), np.float32(0))
