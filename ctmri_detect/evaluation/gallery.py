"""Which samples a report shows: some chosen before anything is scored, and the worst errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.evaluation.samples import Samples


def typical_samples(samples: Samples, tested: npt.NDArray[np.bool_], n_samples: int) -> list[int]:
    """Samples of every kind, and normal ones, chosen without looking at a score.

    Of each kind it takes the slice with the median lesion area. Where there is room for more, they
    are evenly spaced in order of area (without masks: in order of the data). A fifth of the places
    is for normal slices; at least one, if there are two places or more.

    Returns
    -------
    list of int
        At most `n_samples` samples, kind by kind, the normal ones last.
    """
    if n_samples < 1:
        return []
    masks = samples.masks
    area = np.zeros(len(samples.target)) if masks is None else masks.sum(axis=(1, 2))
    n_normal = max(1, n_samples // 5) if n_samples > 1 else 0
    places = n_samples - n_normal
    each = max(1, places // len(samples.kinds))
    chosen: list[int] = []
    for kind in samples.kinds:
        rows = np.flatnonzero((samples.frame["kind"] == kind).to_numpy() & tested)
        chosen += _spread(rows[np.argsort(area[rows], kind="stable")], each)
    normal = np.flatnonzero((samples.target == 1) & tested)
    return chosen[:places] + _spread(normal, n_normal)


def worst_samples(
    target: npt.NDArray[np.int64], decision: npt.NDArray[np.float64], most: int
) -> tuple[list[int], list[int]]:
    """Anomalous samples that look most normal, and normal ones that look most anomalous.

    Parameters
    ----------
    target : int array (n,)
    decision : float array (n,)
        High = normal; NaN = not scored, never chosen.
    most : int
        At most this many of each, the worst first.

    Examples
    --------
    >>> worst_samples(np.array([-1, -1, 1, 1]), np.array([-3.0, 2.0, 1.0, -1.0]), 1)
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
