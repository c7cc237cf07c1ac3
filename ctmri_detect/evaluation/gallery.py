"""Which cases a report shows: some chosen before anything is scored, and the worst errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.evaluation.cases import Cases


def typical_cases(cases: Cases, tested: npt.NDArray[np.bool_], n_cases: int) -> list[int]:
    """Samples of every kind, and normal ones, chosen without looking at a score.

    Of each kind the slice with the median lesion area (with room for more, evenly spaced in
    order of area; without masks, in order of the data); a fifth of the places, at least one,
    goes to normal slices.

    Returns
    -------
    list of int
        At most `n_cases` samples, kind by kind, the normal ones last.
    """
    if n_cases < 1:
        return []
    area = np.zeros(len(cases.target)) if cases.masks is None else cases.masks.sum(axis=(1, 2))
    n_normal = max(1, n_cases // 5) if n_cases > 1 else 0
    places = n_cases - n_normal
    each = max(1, places // len(cases.kinds))
    chosen: list[int] = []
    for kind in cases.kinds:
        rows = np.flatnonzero((cases.frame["kind"] == kind).to_numpy() & tested)
        chosen += _spread(rows[np.argsort(area[rows], kind="stable")], each)
    normal = np.flatnonzero((cases.target == 1) & tested)
    return chosen[:places] + _spread(normal, n_normal)


def worst_cases(
    target: npt.NDArray[np.int64], decision: npt.NDArray[np.float64], most: int
) -> tuple[list[int], list[int]]:
    """Anomalous samples that look most normal, and normal ones that look most anomalous.

    Parameters
    ----------
    target : int array (n,)
    decision : float array (n,)
        High = normal; NaN = not scored, never chosen.
    most : int
        At most so many of each, the worst first.

    Examples
    --------
    >>> worst_cases(np.array([-1, -1, 1, 1]), np.array([-3.0, 2.0, 1.0, -1.0]), 1)
    ([1], [3])
    """
    scored = np.isfinite(decision)
    missed = np.flatnonzero((target == -1) & scored)
    alarms = np.flatnonzero((target == 1) & scored)
    missed = missed[np.argsort(-decision[missed], kind="stable")]
    alarms = alarms[np.argsort(decision[alarms], kind="stable")]
    return missed[:most].tolist(), alarms[:most].tolist()


def _spread(rows: npt.NDArray[np.int64], n: int) -> list[int]:
    """`n` evenly spaced entries; the middle one for n = 1."""
    if not len(rows):
        return []
    n = min(n, len(rows))
    return rows[((np.arange(n) + 0.5) * len(rows) / n).astype(int)].tolist()
