"""Do two groups of patients differ in any of several numbers?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import permutation_test, rankdata

from ctmri_detect._random import own_random_state
from ctmri_detect._types import RandomState

Numbers = npt.NDArray[np.float64]


class RankTest(NamedTuple):
    """What `rank_test` found.

    Attributes
    ----------
    p_value : float
    z : float array (k,)
        For each number: how far the ranks of the new patients lie from the middle, in standard
        deviations over random permutations; positive = higher. 0 where it can't be computed.
    bound : float
        The absolute z that the largest of all k exceeds by chance with probability `rate`.
    """

    p_value: float
    z: Numbers
    bound: float


def rank_test(
    new: Numbers, known: Numbers, *, rate: float, n_resamples: int, random_state: RandomState
) -> RankTest:
    """Permutation test of the largest rank sum over several numbers.

    Each number is ranked over all patients. The statistic is the largest of the standardised rank
    sums of the new patients. The p-value is how often it is as large when patients are permuted at
    random. So it holds for all distributions, and however the numbers are correlated. With ranks,
    a few strange patients can't decide the result.

    Parameters
    ----------
    new, known : float arrays (m, k), (n, k)
        One row per patient; NaN where a number is not known.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> known, new = rng.normal(size=(20, 3)), rng.normal(size=(8, 3)) + [0, 3, 0]
    >>> found = rank_test(new, known, rate=0.01, n_resamples=999, random_state=0)
    >>> found.p_value <= 0.01, (abs(found.z) > found.bound).tolist()
    (True, [False, True, False])
    """
    both = np.concatenate([new, known])
    ranks = rankdata(both, axis=0, nan_policy="omit")
    seen = ~np.isnan(ranks)
    n = seen.sum(axis=0)
    ranks = np.where(seen, ranks - (n + 1) / 2, 0)
    spread = np.sqrt(np.square(ranks).sum(axis=0) / np.maximum(n, 1))
    ranks = np.divide(ranks, spread, out=np.zeros_like(ranks), where=spread > 0)

    def z_of(rows: npt.NDArray[np.int64]) -> Numbers:
        drawn = seen[rows].sum(axis=-2)
        variance = drawn * (n - drawn) / np.maximum(n - 1, 1)
        total = ranks[rows].sum(axis=-2)
        root = np.sqrt(variance)
        return np.divide(total, root, out=np.zeros(total.shape), where=variance > 0)

    def largest(first: npt.NDArray[np.int64], _: object, axis: int = -1) -> Numbers:
        return np.asarray(np.abs(z_of(first)).max(axis=-1))

    every = np.arange(len(both))
    found = permutation_test(
        (every[: len(new)], every[len(new) :]),
        largest,
        vectorized=True,
        n_resamples=n_resamples,
        batch=max(1, 2**20 // (len(both) * both.shape[1])),
        alternative="greater",
        random_state=own_random_state(random_state),
    )
    bound = float(np.quantile(found.null_distribution, 1 - rate, method="higher"))
    return RankTest(float(found.pvalue), z_of(every[: len(new)]), bound)
