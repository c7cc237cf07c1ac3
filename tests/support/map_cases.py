"""Small masks and maps with ties and NaN, for the tests of the metrics."""

import numpy as np


def map_case(seed=0, n=6, *, unseen=0.15):
    """Masks (half of the samples are normal) and float64 maps in steps of 1/8."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, 12, 13), bool)
    for mask in masks[::2]:
        for _ in range(rng.integers(1, 4)):
            y, x = rng.integers(0, 9, 2)
            mask[y : y + rng.integers(1, 5), x : x + rng.integers(1, 5)] = True
    maps = (8 * (rng.normal(size=masks.shape) + 1.5 * masks)).round() / 8
    maps[rng.random(masks.shape) < unseen] = np.nan
    return masks, maps


class OneByOne:
    """An array-like that gives one plane at a time, as one that lies on a disk should be read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, i):
        assert isinstance(i, int), "more than one plane was asked for"
        return self.array[i]
