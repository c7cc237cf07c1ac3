"""Small maps on which other libraries' metrics were recorded, see benchmarks/peers."""

from __future__ import annotations

import numpy as np

N, SIDE, SEED = 24, 48, 7


def toy() -> tuple[np.ndarray, np.ndarray]:
    """Maps of noise, brighter in rectangles on every second one; few equal values."""
    rng = np.random.default_rng(SEED)
    masks = np.zeros((N, SIDE, SIDE), bool)
    for i in range(0, N, 2):
        for _ in range(1 + i % 3):
            y, x = rng.integers(0, SIDE - 12, 2)
            height, width = rng.integers(2, 12, 2)
            masks[i, y : y + height, x : x + width] = True
    maps = np.abs(rng.normal(size=masks.shape)) + masks * rng.uniform(0, 4, size=(N, 1, 1))
    return masks, maps.astype(np.float32)


def spikes(masks: np.ndarray) -> np.ndarray:
    """Maps that are 0 but for a grid of single pixels: nobody can doubt which the peaks are."""
    rng = np.random.default_rng(SEED + 1)
    maps = np.zeros(masks.shape, np.float32)
    places = np.arange(3, SIDE, 7)
    heights = rng.permutation(N * len(places) ** 2) + 1.0
    maps[:, places[:, None], places] = heights.reshape(N, len(places), len(places))
    maps[rng.random(masks.shape) < 0.5] = 0
    return maps
