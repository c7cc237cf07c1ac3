"""How visible an anomaly is: its contrast-to-noise ratio in each plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_CNR", "TRIES", "contrast_to_noise"]

LEAST_CNR = 1.0
"""A smaller change, in standard deviations of the noise, can't be seen in a plane."""


TRIES = 20
"""How many lesions are drawn before an error says that none would be visible."""


def contrast_to_noise(
    before: NDArray, after: NDArray, mask: NDArray[np.bool_], noise: Sequence[float]
) -> tuple[float, ...]:
    """Root mean square change inside the mask in noise SDs, with the sign of the mean change.

    Parameters
    ----------
    before, after : ndarray of shape (n_planes, height, width)
        The planes without and with the anomaly, with the same noise. NaN is left out.
    mask : bool ndarray of shape (height, width)
        True = anomaly.
    noise : sequence of float
        Standard deviation of the noise of each plane.

    Returns
    -------
    tuple of float
        One per plane; NaN where it has no observed pixel in the mask.

    Examples
    --------
    >>> before, mask = np.zeros((2, 4, 4)), np.eye(4, dtype=bool)
    >>> contrast_to_noise(before, before - 3.0 * mask, mask, (1.0, 2.0))
    (-3.0, -1.5)
    """
    ratios = []
    for plane, sd in enumerate(noise):
        change = (np.asarray(after[plane]) - before[plane])[mask].astype(np.float64)
        change = change[np.isfinite(change)]
        if not change.size:
            ratios.append(float("nan"))
            continue
        sign = -1.0 if change.mean() < 0 else 1.0
        size = float(np.sqrt(np.mean(change**2)))
        ratios.append(sign * size / sd if size else 0.0)
    return tuple(ratios)
