"""Robust linear recalibration of a prediction to the image at hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HUBER = 1.345  # 95 % efficiency at the normal distribution (Huber 1981, Robust Statistics)
_ROUNDS = 6  # one plain fit, then five reweighted ones; the weights have settled by then
_SLOPE = (0.5, 2.0)  # beyond that the fit follows the lesion, not the scanner

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
        The recalibrated prediction. Where it does not vary, only the offset is fitted.

    Examples
    --------
    >>> m = np.linspace(0, 1, 50, dtype=np.float32)
    >>> y = 0.2 + 1.1 * m; y[3] = 9
    >>> bool(np.allclose(recalibrate(y, m, np.full(50, 0.01, np.float32))[4:], y[4:], atol=0.02))
    True
    """
    y, m = observed.astype(np.float64), mean.astype(np.float64)
    sd = np.sqrt(variance.astype(np.float64))
    fitted = m
    for round_ in range(_ROUNDS):
        z = np.abs(y - fitted) / sd
        # the first fit takes all pixels, so that the offset it starts from does not matter
        robust = np.minimum(1, HUBER / np.maximum(z, 1e-12)) if round_ else 1.0
        weight = robust / sd**2
        weight /= weight.sum()
        center_y, center_m = (weight * y).sum(), (weight * m).sum()
        spread = (weight * (m - center_m) ** 2).sum()
        slope = 1.0
        if spread > 1e-12:
            slope = float((weight * (m - center_m) * (y - center_y)).sum() / spread)
            slope = min(max(slope, _SLOPE[0]), _SLOPE[1])
        fitted = center_y + slope * (m - center_m)
    return fitted.astype(np.float32)
