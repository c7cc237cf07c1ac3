"""Small head-like pairs for the tests: an ellipse of brain, two ventricles, noise."""

from __future__ import annotations

import numpy as np


def make_heads(n=24, size=32, seed=0, *, mask=True):
    """Head-aligned pairs (n, 2, size, size), CT and MRI of one tissue map; NaN outside."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / (size - 1) * 2 - 1
    out = np.empty((n, 2, size, size), np.float32)
    for pair in out:
        a, b = rng.uniform(0.68, 0.8), rng.uniform(0.85, 0.95)
        brain = (x / a) ** 2 + (y / b) ** 2 < 1
        white = (x / a) ** 2 + (y / b) ** 2 < 0.6
        v = rng.uniform(0.1, 0.16)
        csf = ((np.abs(x) - 0.2) / v) ** 2 + (y / (2 * v)) ** 2 < 1
        tissue = np.where(csf, 0.1, np.where(white, 0.35, 0.5))
        pair[0] = tissue + 0.03 * rng.normal(size=tissue.shape)
        pair[1] = 1.2 - 1.6 * tissue + 0.03 * rng.normal(size=tissue.shape)
        if mask:
            pair[:, ~brain] = np.nan
    return out


def plant(pair, modality, *, amount=0.5, at=(10, 10), radius=3):
    """A copy of one pair (2, h, w) with a disc of another intensity, and the disc's mask."""
    out = pair.copy()
    y, x = np.mgrid[: pair.shape[1], : pair.shape[2]]
    disc = (y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2
    out[modality, disc] += amount
    return out, disc
