"""Small images of slices, to find similar slices."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

GRID = 24  # pixels a side: shows ventricles and outline, without noise
MASK_WEIGHT = 0.5  # of the outline relative to the intensities


def slice_descriptors(X: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Small images of planes and of their masks, by which similar slices are found.

    Parameters
    ----------
    X : float32 array (n, n_planes, height, width)

    Returns
    -------
    float64 array (n, n_planes, 2, 24, 24)
        For each plane the masked image and the mask, all 0 if the plane is missing.

    Examples
    --------
    >>> slice_descriptors(np.ones((1, 2, 48, 48), np.float32))[0, 0, :, 0, 0]
    array([1. , 0.5])
    """
    out = np.zeros((*X.shape[:2], 2, GRID, GRID))
    for i, plane in np.ndindex(X.shape[:2]):
        seen = ~np.isnan(X[i, plane])
        value = np.where(seen, X[i, plane], np.float32(0))
        out[i, plane, 0] = _reduce(value)
        out[i, plane, 1] = MASK_WEIGHT * _reduce(seen.astype(np.float32))
    return out


def _reduce(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    small = cv2.resize(plane, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def squared_distances(
    descriptors: npt.NDArray[np.float64],
    bank: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Squared distances over the planes that each slice has.

    Parameters
    ----------
    descriptors, bank : float64 arrays (n, n_planes, 2, 24, 24), (m, n_planes, 2, 24, 24)
    scale : float64 array (n_planes,)
        Spread of each plane's intensities; the planes are divided by it.

    Returns
    -------
    float64 array (n, m)
    """
    total = np.zeros((len(descriptors), len(bank)))
    for plane in range(len(scale)):
        unit = np.repeat([scale[plane] ** 2, 1.0], GRID * GRID)
        a, b = (part[:, plane].reshape(len(part), -1) for part in (descriptors, bank))
        power = [(part**2 @ (1 / unit)) for part in (a, b)]
        distance = power[0][:, None] + power[1][None] - 2 * (a / unit) @ b.T
        present = descriptors[:, plane, 1].sum(axis=(1, 2)) > 0
        total += np.maximum(distance, 0) * present[:, None]
    return total
