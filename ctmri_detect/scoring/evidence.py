"""From z-maps to evidence, and from evidence to one number per sample."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.imageops.symmetry import mirror_contrast

Array = npt.NDArray[np.float32]

POOLING: dict[str, dict[str, float]] = {
    "small": {"smoothing": 1.0, "clip": 6.0, "pool_fraction": 0.005},
    "large": {"smoothing": 3.0, "clip": 3.0, "pool_fraction": 0.05},
}
"""For `rescore`: focus for small lesions (a few pixels), extent for large ones (a lobe)."""


def observed(residual: Array) -> npt.NDArray[np.bool_]:
    """Where the planes were observed; one mask per sample where all planes agree."""
    seen = ~np.isnan(residual)
    alike = bool((seen[:, :1] == seen).all())
    return seen[:, :1] if alike else seen


def kinds_of_evidence(residual: Array, smoothing: float, symmetry_tolerance: int | None) -> Array:
    """The smoothed residual and, where there is a tolerance, its contrast with the mirrored side.

    Parameters
    ----------
    residual : float32 array (n, n_planes, height, width)
    smoothing : float
        Standard deviation of the Gaussian in pixels.
    symmetry_tolerance : int or None
        Pixels (see `imageops.symmetry`); None makes no contrast.

    Returns
    -------
    float32 array (n, kinds, n_planes, height, width)
    """
    smooth = masked_gaussian(residual, smoothing, observed(residual))
    if symmetry_tolerance is None:
        return smooth[:, None]
    return np.stack([smooth, mirror_contrast(smooth, symmetry_tolerance)], axis=1)


def fused_evidence(z: Array, fusion: Literal["mean", "max"]) -> Array:
    """Evidence of each pixel, the planes fused.

    Parameters
    ----------
    z : float32 array (n, kinds, n_planes, height, width)
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
    seen = ~np.isnan(evidence)
    total = np.where(seen, evidence, np.float32(0)).sum(axis=1)
    count = seen.sum(axis=1, dtype=np.float32)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


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
