"""Binary morphology, and enclosure by bone, on slices of bounded size."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_SIZE = 256
"""Larger slices are reduced to this size (pixels); the mask is enlarged again."""


def enclosure(bone: NDArray[np.bool_], n_directions: int = 16) -> NDArray[np.float32]:
    """Share of directions from each pixel in which there is bone.

    Parameters
    ----------
    bone : bool array of shape (height, width)
    n_directions : int, default=16
        Even number of directions over the full circle.

    Returns
    -------
    ndarray of float32, shape (height, width)
        From 0 (no direction) to 1 (all directions).

    Examples
    --------
    >>> from ctmri_detect.imageops.morphology import enclosure
    >>> ring = np.zeros((41, 41), dtype=bool)
    >>> ring[5:36, 5:36] = True
    >>> ring[8:33, 8:33] = False
    >>> float(enclosure(ring)[20, 20]), float(enclosure(ring)[0, 0]) < 0.5
    (1.0, True)
    """
    height, width = bone.shape
    side = int(np.ceil(np.hypot(height, width))) + 2
    image = bone.astype(np.uint8)
    seen: NDArray[Any] = np.zeros(bone.shape, dtype=np.uint8)
    for k in range(n_directions // 2):
        matrix: NDArray[Any] = np.asarray(
            cv2.getRotationMatrix2D(
                ((width - 1) / 2, (height - 1) / 2), 360.0 * k / n_directions, 1.0
            )
        )
        matrix[:, 2] += (side - 1) / 2 - np.array([(width - 1) / 2, (height - 1) / 2])
        turned = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_NEAREST)
        both = np.maximum.accumulate(turned, axis=0)
        both += np.maximum.accumulate(turned[::-1], axis=0)[::-1]
        back = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        seen += cv2.warpAffine(both, matrix, (width, height), flags=back)
    return (seen / (2 * (n_directions // 2))).astype(np.float32)


def coarse_enclosure(bone: NDArray[np.bool_], step: int = 2) -> NDArray[np.float32]:
    """`enclosure` on a grid that is `step` times coarser, enlarged again.

    A coarse pixel is bone where one of its pixels is. So thin bone stays closed; the coarser the
    grid, the more gaps close too (at 4 mm, throat and jaw pass for a skull).

    Parameters
    ----------
    bone : bool array of shape (height, width)
    step : int, default=2
        Size of a coarse pixel, in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width)
        From 0 (no direction) to 1 (all directions).
    """
    height, width = bone.shape
    padded: NDArray[Any] = np.pad(bone, ((0, -height % step), (0, -width % step)))
    rows, columns = padded.shape[0] // step, padded.shape[1] // step
    coarse = np.asarray(padded.reshape(rows, step, columns, step).any(axis=(1, 3)))
    size = (columns * step, rows * step)
    fine: NDArray[Any] = cv2.resize(enclosure(coarse), size, interpolation=cv2.INTER_LINEAR)
    return fine[:height, :width]


def shrink(image: NDArray[Any]) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The image at most `WORKING_SIZE` large, and its own shape."""
    height, width = image.shape
    factor = min(1.0, WORKING_SIZE / max(height, width))
    if factor < 1.0:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image), (height, width)


def restore(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask of a shrunk image on the grid it came from."""
    if mask.shape == shape:
        return mask
    size = (shape[1], shape[0])
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5


def px(radius: float, share: float) -> int:
    """A share of the head's radius in whole pixels, at least one."""
    return max(1, round(radius * share))


@lru_cache(maxsize=64)
def disc(radius: int) -> NDArray[np.uint8]:
    """A disc as a kernel of 0 and 1, shape (2 radius + 1, 2 radius + 1)."""
    offset = np.arange(-radius, radius + 1) ** 2
    return (offset[:, np.newaxis] + offset <= radius**2).astype(np.uint8)


def morph(mask: NDArray[np.bool_], operation: int, radius: int) -> NDArray[np.bool_]:
    """Binary morphology with a disc; pixels outside the image are background."""
    padded = cv2.copyMakeBorder(
        mask.view(np.uint8), radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=0
    )
    out = cv2.morphologyEx(padded, operation, disc(radius))
    return np.ascontiguousarray(out[radius:-radius, radius:-radius]).view(bool)


def components(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Label of each pixel, and the area of each label; that of the background is set to 0."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return labels, areas


def chosen(
    labels: NDArray[Any], keep: Iterable[int] | NDArray[Any], n_labels: int
) -> NDArray[np.bool_]:
    """True where the label is one of `keep`; `n_labels` counts the background."""
    table = np.zeros(n_labels, dtype=bool)
    table[list(keep)] = True
    return table[labels]


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with every hole filled: background that does not reach the image's edge."""
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(padded, None, (0, 0), 2)
    return padded[1:-1, 1:-1] != 2
