"""Masks on a coarser grid, without loss of small lesions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_HALF = 0.5 - 1e-4  # at least half, whatever the rounding
_SOME = 1e-6
_EIGHT = np.ones((3, 3), dtype=int)  # corners touch


def mask_of_shares(shares: NDArray[np.floating]) -> NDArray[np.bool_]:
    """The mask of lesions, from the share of each pixel that they cover.

    A pixel belongs to the mask where at least half of it is covered. A small lesion (connected
    area) may cover half of no pixel. It then keeps the pixels whose share is at least half of its
    largest share: a flat lesion keeps its outline in a thick slice, and no lesion is lost.

    When it fails: such a lesion becomes larger than it is, by up to a pixel in each direction.

    Parameters
    ----------
    shares : array of shape (height, width)
        From 0 to 1.

    Returns
    -------
    bool ndarray of shape (height, width)
        At least one pixel for each lesion.

    Examples
    --------
    >>> from ctmri_detect.imageops.coverage import mask_of_shares
    >>> mask_of_shares(np.array([[1.0, 0.4, 0.0, 0.2, 0.15, 0.05]])).astype(int)
    array([[1, 0, 0, 1, 1, 0]])
    """
    mask = shares >= _HALF
    areas, n_areas = ndimage.label(shares > _SOME, structure=_EIGHT)
    if not n_areas:
        return mask
    most = ndimage.maximum(shares, areas, index=np.arange(n_areas + 1))
    lost = np.where(most < _HALF, _HALF * most, np.inf)
    lost[0] = np.inf  # what is no area
    return np.asarray(mask | (shares >= lost[areas]))


def resize_mask(mask: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask on a grid of another shape over the same field, by `mask_of_shares`.

    Parameters
    ----------
    mask : array of shape (height, width)
        Not 0 in the lesion.
    shape : (int, int)
        Height and width of the result.

    Returns
    -------
    bool ndarray of shape `shape`

    Examples
    --------
    >>> from ctmri_detect.imageops.coverage import resize_mask
    >>> mask = np.zeros((8, 8), bool)
    >>> mask[1, 6] = True
    >>> np.argwhere(resize_mask(mask, (2, 2))).tolist()
    [[0, 1]]
    """
    covered = np.asarray(mask, dtype=bool).astype(np.float32)
    rows, columns = (_overlaps(old, new) for old, new in zip(covered.shape, shape, strict=True))
    return mask_of_shares(rows @ covered @ columns.T)


def _overlaps(old: int, new: int) -> NDArray[np.float32]:
    """The share of each new cell that lies in each old one, (new, old)."""
    edges = np.arange(new + 1) * old / new
    low = np.maximum(edges[:-1, None], np.arange(old))
    high = np.minimum(edges[1:, None], np.arange(1, old + 1))
    return (np.maximum(high - low, 0) * new / old).astype(np.float32)
