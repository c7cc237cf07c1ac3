"""The evidence of several detectors as one."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float64]
Fusion = Literal["sum", "max", "quantile"]
_LEVELS = 64  # points of the curve from evidence to rarity


class Rarity:
    """How rarely a pixel of healthy slices has as much evidence.

    Parameters
    ----------
    evidence : float array
        Of healthy pixels; NaN is left out.

    Notes
    -----
    ``-2 log p`` with ``p`` the share of healthy pixels that have as much evidence, as in Fisher's
    method: the square of a normal z of that rarity is about as large. It is interpolated between 64
    quantiles, up to the one that ten pixels exceed, and extrapolated with the last slope beyond.

    Examples
    --------
    >>> rarity = Rarity(np.arange(1000.0))
    >>> rarity.of(np.float32([500, 900])).round(1)
    array([1.4, 4.6], dtype=float32)
    """

    def __init__(self, evidence: npt.NDArray[np.floating]) -> None:
        healthy = np.sort(evidence[~np.isnan(evidence)].astype(np.float64).ravel())
        least = min(10 / max(len(healthy), 1), 0.5)
        shares = np.logspace(0, np.log10(least), _LEVELS)
        quantiles = np.quantile(healthy, 1 - shares) if len(healthy) else np.arange(_LEVELS) * 1.0
        self.evidence, first = np.unique(quantiles, return_index=True)
        self.rarity = -2 * np.log(shares)[first]

    def of(self, evidence: Array) -> Array:
        """``-2 log p`` of each pixel; NaN stays NaN."""
        found = np.interp(evidence, self.evidence, self.rarity)
        if len(self.evidence) > 1:
            rise = np.diff(self.rarity[-2:]) / np.diff(self.evidence[-2:])
            found += np.maximum(evidence - self.evidence[-1], 0) * rise
        return found.astype(np.float32)


def fused(evidence: Array, weights: Weights, fusion: Fusion) -> Array:
    """Evidence of each pixel, the members fused.

    Parameters
    ----------
    evidence : float32 array (n, n_members, height, width)
        Of each member, NaN where it saw nothing.
    weights : float array (n_members,)
    fusion : {"sum", "max", "quantile"}
        "max": the largest, each times its weight over the mean weight. Else the mean with these
        weights.

    Returns
    -------
    float32 array (n, height, width)
        NaN where no member saw anything.

    Examples
    --------
    >>> two = np.float32([9, 1]).reshape(1, 2, 1, 1)
    >>> fused(two, np.array([1.0, 3.0]), "sum").item(), fused(two, np.ones(2), "max").item()
    (3.0, 9.0)
    """
    share = (weights / weights.mean()).astype(np.float32)[:, None, None]
    if fusion == "max":
        return np.fmax.reduce(evidence * share, axis=1)
    return _mean(evidence, share)


def fused_z(z: Array, weights: Weights) -> Array:
    """Signed z of each plane: the root of the mean square with sign.

    Parameters
    ----------
    z : float32 array (n, n_members, n_planes, height, width)
    weights : float array (n_members,)

    Returns
    -------
    float32 array (n, n_planes, height, width)

    Examples
    --------
    >>> fused_z(np.float32([5, -1]).reshape(1, 2, 1, 1, 1), np.ones(2)).round(2).item()
    3.46...
    """
    share = (weights / weights.mean()).astype(np.float32)[:, None, None, None]
    power = _mean(z * np.abs(z), share)
    return np.copysign(np.sqrt(np.abs(power)), power)


def _mean(values: Array, share: Array) -> Array:
    """Mean over axis 1 of what is not NaN."""
    seen = ~np.isnan(values)
    total = np.where(seen, values * share, np.float32(0)).sum(axis=1)
    weight = np.where(seen, share, np.float32(0)).sum(axis=1)
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
