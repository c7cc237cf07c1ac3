"""From z-maps to evidence, and from evidence to one number a sample."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def fused_evidence(z: Array, fusion: Literal["mean", "max"]) -> Array:
    """Evidence of each pixel, the planes fused.

    Parameters
    ----------
    z : float32 array (n, kinds, planes, height, width)
        Z-maps of the residual, and of its mirror contrast where there are two kinds. The contrast
        only confirms: where it has the residual's sign.
    fusion : {"mean", "max"}
        Over the planes observed at a pixel.

    Returns
    -------
    float32 array (n, height, width)
        ``(z^2 + max(z s, 0)) / 2``, or ``z^2`` with one kind; NaN where nothing was observed.
    """
    evidence = z[:, 0] ** 2
    if z.shape[1] == 2:
        evidence = (evidence + np.maximum(z[:, 0] * z[:, 1], 0)) / 2
    if fusion == "max":
        return np.fmax.reduce(evidence, axis=1)
    count = (~np.isnan(evidence)).sum(axis=1, dtype=np.float32)
    total = np.nansum(evidence, axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))


def pool_top(evidence: Array, fraction: float) -> npt.NDArray[np.float64]:
    """Mean of each sample's top `fraction` of observed pixels (at least one).

    Examples
    --------
    >>> pool_top(np.arange(100, dtype=np.float32).reshape(1, 10, 10), 0.02)
    array([98.5])
    """
    pooled = np.empty(len(evidence))
    for i, plane in enumerate(evidence):
        seen = plane[~np.isnan(plane)]
        k = max(1, round(fraction * seen.size))
        top = np.partition(seen, seen.size - k)[seen.size - k :]
        pooled[i] = top.mean(dtype=np.float64)
    return pooled
