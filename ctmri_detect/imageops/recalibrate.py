"""Robust linear recalibration of a prediction to one image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HUBER = 1.345  # 95 % efficiency at the normal distribution (Huber 1981, Robust Statistics)
_ROUNDS = 6  # one plain fit, then five reweighted ones; the weights have settled by then
_SLOPE = (0.5, 2.0)  # outside, the fit follows a lesion instead of the scanner

Vector = npt.NDArray[np.float32]


def recalibrate(observed: Vector, mean: Vector, variance: Vector) -> Vector:
    """``alpha + beta * mean``, fitted to the observed values by reweighted least squares.

    Parameters
    ----------
    observed, mean, variance : float32 arrays (n,)
        Values of one image, their prediction, and the predicted variance.

    Returns
    -------
    float32 array (n,)
        The recalibrated prediction. If it does not vary, only the offset is fitted.

    Examples
    --------
    >>> m = np.linspace(0, 1, 50, dtype=np.float32)
    >>> y = 0.2 + 1.1 * m; y[3] = 9
    >>> bool(np.allclose(recalibrate(y, m, np.full(50, 0.01, np.float32))[4:], y[4:], atol=0.02))
    True
    """
    center_y, center_m = (float(part.mean(dtype=np.float64)) for part in (observed, mean))
    # means are subtracted, so that sums of squares lose no digits; units are standard deviations
    unit: Vector = np.asarray(1 / np.sqrt(variance), dtype=np.float32)
    m: Vector = mean - np.float32(center_m)
    y: Vector = (observed - np.float32(center_y)) * unit
    x: Vector = m * unit
    products = np.stack([unit * unit, unit * x, unit * y, x * x, x * y])
    sums, offset, slope = products.sum(axis=1, dtype=np.float64), 0.0, 1.0
    for round_ in range(_ROUNDS):
        if round_:  # the first fit takes all pixels: the offset it starts from does not matter
            weight = _huber(y - np.float32(slope) * x - np.float32(offset) * unit)
            sums = np.einsum("kn,n->k", products, weight)  # no BLAS: no effect of threads
        by_m, by_y, square, product = (float(part / sums[0]) for part in sums[1:])
        spread = square - by_m**2
        slope = 1.0
        if spread > 1e-12:
            slope = min(max((product - by_m * by_y) / spread, _SLOPE[0]), _SLOPE[1])
        offset = by_y - slope * by_m
    m *= np.float32(slope)
    m += np.float32(center_y + offset)
    return m


def _huber(z: Vector) -> Vector:
    """Weights ``min(1, HUBER / |z|)``."""
    limit = np.float32(HUBER)
    np.abs(z, out=z)
    np.maximum(z, limit, out=z)
    return np.divide(limit, z, out=z)
