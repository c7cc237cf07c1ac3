"""Ranks of lesion pixels among healthy ones; pixel metrics are computed from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect.metrics._maps import Heat, Mask, MaskedMaps, missed_last, no_healthy, no_lesion

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


class Ranking(NamedTuple):
    """The values that lesion pixels have ("levels"), in decreasing order, and pixel counts.

    Between two levels there are only healthy pixels, so the values at the levels determine every
    curve exactly.
    """

    levels: Heat  # -inf where a lesion pixel was not observed
    lesion: Numbers  # lesion pixels at each level, or their weight
    above: Counts  # healthy pixels above each level
    reached: Counts  # healthy pixels at or above each level
    n_healthy: int


def rank_pixels(pairs: MaskedMaps, weigh: Callable[[Mask], Numbers] | None = None) -> Ranking:
    """Rank the pixels of all samples together, exactly, in two passes.

    Memory grows with the number of lesion pixels, not with that of all pixels: the first pass
    keeps the lesions' scores, the second counts the healthy pixels between them.

    Parameters
    ----------
    pairs : MaskedMaps
    weigh : callable, default=None
        ``weigh(mask)`` gives the weights of the lesion pixels ``mask[mask]``; None: all alike.

    Examples
    --------
    >>> found = rank_pixels(MaskedMaps([[[1, 0, 1, 0]]], [[[3.0, 2.0, 2.0, 1.0]]]))
    >>> found.levels, found.above, found.reached
    (array([3., 2.]), array([0, 0]), array([0, 1]))
    """
    scores, weights = [], []
    for mask, heat in pairs:
        scores.append(missed_last(heat[mask]))
        weights.append(np.ones(len(scores[-1])) if weigh is None else weigh(mask))
    if not sum(map(len, scores)):
        raise no_lesion()
    score, weight = np.concatenate(scores), np.concatenate(weights)
    levels, place = np.unique(score, return_inverse=True)
    lesion = np.bincount(place, weights=weight).astype(np.float64, copy=False)
    not_above, below = np.zeros((2, len(levels) + 1), np.int64)
    for values in pairs.healthy():
        values = np.sort(values)  # searchsorted is faster on sorted values (cache)
        _count(not_above, np.searchsorted(levels, values, side="left"))
        _count(below, np.searchsorted(levels, values, side="right"))
    n_healthy = int(below.sum())
    if not n_healthy:
        raise no_healthy()
    above, reached = (n_healthy - np.cumsum(n)[:-1][::-1] for n in (not_above, below))
    return Ranking(levels[::-1], lesion[::-1], above, reached, n_healthy)


def rank_counts(values: Heat, lesion: Counts, healthy: Counts) -> Ranking:
    """Rank pixels from their counts.

    Parameters
    ----------
    values : float array (n,)
        Map values, in any order.
    lesion, healthy : int array (n,)
        How many lesion pixels and how many healthy pixels have each value. At least one lesion
        pixel.

    Examples
    --------
    >>> found = rank_counts(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 1]), np.array([1, 1, 0]))
    >>> found.levels, found.above, found.reached
    (array([3., 2.]), array([0, 0]), array([0, 1]))
    """
    levels, place = np.unique(values, return_inverse=True)
    counted = [np.bincount(place, weights=n).astype(np.float64) for n in (lesion, healthy)]
    hits, fine = (n[::-1] for n in counted)
    reached = np.cumsum(fine).astype(np.int64)  # exact: counts are far below 2**53
    above, here = reached - fine.astype(np.int64), hits > 0
    lesions = hits[here].astype(np.float64)
    return Ranking(levels[::-1][here], lesions, above[here], reached[here], int(reached[-1]))


def _count(counts: Counts, places: npt.NDArray[np.intp]) -> None:
    found, n = np.unique(places, return_counts=True)
    counts[found] += n


def average_precision(ranking: Ranking) -> float:
    """Precision at each level, weighted with the recall that is gained there."""
    hits = np.cumsum(ranking.lesion)
    return float(np.sum(ranking.lesion * hits / (hits + ranking.reached)) / hits[-1])


def area_under_roc(ranking: Ranking, max_fpr: float = 1.0) -> float:
    """Mean recall at false positive rates from 0 to `max_fpr`; ties lie on straight lines."""
    hits = np.cumsum(ranking.lesion)
    start, end = ranking.above / ranking.n_healthy, ranking.reached / ranking.n_healthy
    # At each level the curve rises from (start, hits before) to (end, hits), then it is flat.
    ground = np.minimum(np.append(start[1:], 1.0), max_fpr) - np.minimum(end, max_fpr)
    width = np.minimum(end, max_fpr) - np.minimum(start, max_fpr)
    climbed = np.divide(width, end - start, out=np.zeros(len(end)), where=end > start)
    rise = width * (hits - ranking.lesion + ranking.lesion * climbed / 2)
    return float(np.clip((ground @ hits + rise.sum()) / (hits[-1] * max_fpr), 0, 1))


def best_dice(ranking: Ranking) -> float:
    """The largest Dice at any level; pixels that were not observed are never found."""
    hits = np.cumsum(ranking.lesion)
    dice = 2 * hits / (hits + ranking.reached + hits[-1])
    return float(dice[np.isfinite(ranking.levels)].max(initial=0.0))
