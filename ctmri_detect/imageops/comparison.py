"""Image and prediction as means of square blocks of pixels, for `align`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.warp import resize_observed

LEAST = 64  # fewest blocks to compare

Real = NDArray[np.floating]
Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


def block_side(shape: tuple[int, ...]) -> int:
    """Side in pixels of the blocks by which motions are found: the shorter side has about 64."""
    return max(1, round(min(shape) / 64))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Image and prediction as means of blocks, in robust units, 0 where not known."""

    shape: tuple[int, ...]  # of the full image
    step: int  # side of a block
    image: Array  # (h, w, 2): value, mask
    prediction: Array  # (h, w, 3): mean, weight, mask
    index: NDArray[np.int64]  # pixels to compare: those whose neighbours are predicted, too
    design: Array  # (5, n): 1, mean, and how the mean changes with dy, dx (blocks), angle


def compared(image: Real, mean: Real, variance: Real, seen: Mask) -> Comparison | None:
    """Image and prediction in blocks; None if there is too little to compare."""
    step = block_side(image.shape)
    height, width = (n // step for n in image.shape)
    usable = seen & np.isfinite(mean) & np.isfinite(variance) & (variance > 0)
    predicted = np.where(usable, np.stack([mean, variance]), np.nan)
    blocks = np.concatenate(
        [
            resize_observed(planes[:, : height * step, : width * step], (height, width))
            for planes in (image[None], predicted)
        ]
    )
    value, target = (_robust_units(plane) for plane in blocks[:2])
    if value is None or target is None or min(height, width) < 3:
        return None
    value = np.clip(value, np.nanmin(target) - 1, np.nanmax(target) + 1)  # a lesion is clipped
    known, seen = np.isfinite(value), np.isfinite(target)
    noise = blocks[2] / np.median(blocks[2][seen])
    weight = np.where(seen, 1 / np.maximum(noise, 0.01), 0)  # limits the weight of a pixel
    by_y, by_x = np.gradient(target)
    y, x = np.ogrid[:height, :width]  # the centre is that of the full image, as in _matrix
    y, x = (np.radians(i - (n / step - 1) / 2) for i, n in zip((y, x), image.shape, strict=True))
    by_angle = (by_x * y - by_y * x).astype(np.float32)
    index = np.flatnonzero(np.isfinite(by_angle))
    columns = (np.ones_like(target), target, by_y, by_x, by_angle)
    moving = np.dstack([np.where(known, value, 0), known])
    fixed = np.dstack([np.where(seen, target, 0), weight, seen])
    design = np.stack([column.ravel()[index] for column in columns])
    return Comparison(image.shape, step, moving, fixed, index, design)


def _robust_units(plane: Array) -> Array | None:
    """A plane in quartile distances from its median; None if it is constant or nearly empty."""
    values = np.sort(plane[np.isfinite(plane)])
    if values.size < LEAST:
        return None
    low, middle, high = (values[values.size * part // 4] for part in (1, 2, 3))
    spread = high - low if high > low else values.std(dtype=np.float64)
    return (plane - middle) / np.float32(spread) if spread > 1e-6 * abs(middle) else None
