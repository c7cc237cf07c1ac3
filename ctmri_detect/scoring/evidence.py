"""From z-maps to evidence, and from evidence to one number per sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.imageops.symmetry import mirror_contrast

Array = npt.NDArray[np.float32]
Symmetry = Literal[True, False, "required"]

POOLING: dict[str, dict[str, float]] = {
    "small": {"smoothing": 1.0, "scales": 1.0, "clip": 9.0, "pool_fraction": 0.005},
    "large": {"smoothing": 3.0, "scales": 3.0, "clip": 4.5, "pool_fraction": 0.05},
}
"""For `rescore`: focus for small lesions (a few pixels), extent for large ones (a lobe)."""


def observed(residual: Array) -> npt.NDArray[np.bool_]:
    """Where the planes were observed; one mask per sample if all planes agree."""
    seen = ~np.isnan(residual)
    alike = bool((seen[:, :1] == seen).all())
    return seen[:, :1] if alike else seen


def kinds_of_evidence(residual: Array, smoothing: float, symmetry_tolerance: int | None) -> Array:
    """The smoothed residual and, if there is a tolerance, its contrast with the mirrored side.

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


def over_scales(z: Sequence[Array]) -> Array:
    """Signed geometric mean of z-maps that were smoothed by different amounts.

    Noise and thin edges stand out at fine scales alone, the surroundings of a lesion at coarse
    scales alone. So only what shows at all scales, with one sign, counts.

    Parameters
    ----------
    z : sequence of float32 arrays (...)
        One a scale, all of one shape.

    Returns
    -------
    float32 array (...)
        0 where the scales disagree about the sign, NaN where a scale is NaN.

    Examples
    --------
    >>> fine, coarse = np.float32([4.0, 3.0, -9.0]), np.float32([1.0, -2.0, -1.0])
    >>> over_scales([fine, coarse]).tolist()
    [2.0, 0.0, -3.0]
    """
    if len(z) == 1:
        return z[0]
    size = np.abs(z[0])
    agree = np.ones(size.shape, dtype=bool)
    for other in z[1:]:
        size *= np.abs(other)
        agree &= z[0] * other >= 0
    size **= np.float32(1 / len(z))
    return np.where(agree | np.isnan(size), np.copysign(size, z[0]), np.float32(0))


def fused_evidence(z: Array, fusion: Literal["mean", "max"], symmetry: Symmetry = True) -> Array:
    """Evidence of each pixel, the planes fused.

    Parameters
    ----------
    z : float32 array (n, kinds, n_planes, height, width)
        Z-maps of the residual, and of its mirror contrast if there are two kinds.
    fusion : {"mean", "max"}
        Over the planes observed at a pixel.
    symmetry : {True, "required"}
        The mirror contrast confirms a pixel where it has the residual's sign. What it does not
        confirm counts half (True) or not at all ("required").

    Returns
    -------
    float32 array (n, height, width)
        ``(z^2 + max(z s, 0)) / 2``; ``max(z s, 0)`` if symmetry is required; ``z^2`` with one
        kind. NaN where nothing was observed.
    """
    evidence = z[:, 0] ** 2
    if z.shape[1] == 2:
        confirmed = np.maximum(z[:, 0] * z[:, 1], 0)
        evidence = confirmed if symmetry == "required" else (evidence + confirmed) / 2
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
