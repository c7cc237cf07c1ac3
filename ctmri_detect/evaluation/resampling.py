"""Intervals over patients for metrics that are sums over patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Sums = npt.NDArray[np.float64]
_AT_ONCE = 50


def interval_of_sums(
    sums: Sums,
    metric: Callable[[Sums], float],
    *,
    n_resamples: int,
    random_state: int,
    confidence_level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap of whole patients, from what each patient adds to the sums.

    Parameters
    ----------
    sums : float array (n_patients, ...)
        What each patient adds to the counts of `metric`.
    metric : callable
        ``metric(total)`` of the summed counts; NaN where it is undefined.
    n_resamples, random_state, confidence_level
        As in `metrics.patient_bootstrap`.

    Returns
    -------
    (float, float)
        Both NaN below three patients, or where the metric is undefined on most draws.

    Examples
    --------
    >>> hits = np.array([[8.0, 10.0], [9.0, 10.0], [7.0, 10.0], [8.0, 10.0]])
    >>> low, high = interval_of_sums(
    ...     hits, lambda total: total[0] / total[1], n_resamples=500, random_state=0
    ... )
    >>> 0.7 <= low < 0.8 < high <= 0.9
    True
    """
    n = len(sums)
    if n < 3:
        return float("nan"), float("nan")
    rng, flat = np.random.RandomState(random_state), sums.reshape(n, -1)
    draws = [np.bincount(rng.randint(n, size=n), minlength=n) for _ in range(n_resamples)]
    values = np.empty(n_resamples)
    for start in range(0, n_resamples, _AT_ONCE):  # one matrix product for several draws
        totals = np.array(draws[start : start + _AT_ONCE], dtype=np.float64) @ flat
        found = [metric(total.reshape(sums.shape[1:])) for total in totals]
        values[start : start + len(found)] = found
    defined = values[~np.isnan(values)]
    if 2 * len(defined) < n_resamples:
        return float("nan"), float("nan")
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def per_patient(codes: npt.NDArray[np.int64], values: Any) -> Sums:
    """Sum of the values of each patient: ``(n_patients, ...)``."""
    values = np.asarray(values, dtype=np.float64)
    out = np.zeros((int(codes.max()) + 1, *values.shape[1:]))
    np.add.at(out, codes, values)
    return out
