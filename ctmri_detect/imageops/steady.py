"""A standard deviation above 0, also with few slices or constant pixels."""

from __future__ import annotations

from typing import Any

PRIOR = 2.0  # pseudo-slices with the pooled variance of their plane
FLOOR = 0.3  # least standard deviation, as a share of the pooled one
BLUR = 1.5  # pixels by which statistics of places are smoothed


def shrink_towards_pooled(count: Any, power: Any, pooled: Any) -> None:
    """Turn sums of squares into variances with two pseudo-slices, in place.

    Parameters
    ----------
    count : array
        Slices at each place; becomes ``count + 2``.
    power : array
        Sums of squares at each place; becomes ``(power + 2 pooled^2) / (count + 2)``.
    pooled : array
        Standard deviation over all places.

    Examples
    --------
    >>> import numpy as np
    >>> count, power = np.array([0.0, 2.0]), np.array([0.0, 2.0])
    >>> shrink_towards_pooled(count, power, 3.0)
    >>> power
    array([9., 5.])
    """
    count += PRIOR
    power += PRIOR * pooled**2
    power /= count
