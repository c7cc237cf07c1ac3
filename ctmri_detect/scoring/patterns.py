"""Thresholds for each pattern of observed planes, on one scale."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect._warnings import warn_user
from ctmri_detect.exceptions import InvalidPairsError, ThresholdWarning
from ctmri_detect.scoring.thresholds import (
    Threshold,
    conformal_p_values,
    conformal_rank,
    slices_needed,
)

Scores = npt.NDArray[np.float64]
Seen = npt.NDArray[np.bool_]
Groups = npt.NDArray[np.int64]


class Scored(NamedTuple):
    """Scores as they are pooled, float64 (n,), and which planes were seen, bool (n, n_planes)."""

    scores: Scores
    seen: Seen


class PatternThresholds:
    """A conformal threshold for each pattern of observed planes, so that one `offset` fits all.

    The CT alone leaves other scores in healthy slices than CT and MRI together. Scores of each
    pattern are brought to the scale of the complete samples, whose scores stay as they are.

    Parameters
    ----------
    scores : float array (n,)
        Scores of healthy slices that the model did not see, high = normal; of all patterns.
    seen : bool array (n, n_planes)
        Which planes were observed in each.
    groups : int array (n,)
        Patient of each slice.
    false_positive_rate : float
        Share of new healthy slices of each pattern that may be flagged; from 0 and below 1.

    Attributes
    ----------
    threshold : Threshold
        Of the pattern whose scores stay as they are.
    patterns : bool array (n_patterns, n_planes)
        The patterns among the scores.
    base : int
        Index of that pattern: all planes, or else the pattern nearest to it.

    Warns
    -----
    ThresholdWarning
        If a pattern has too few slices for the rate.

    Notes
    -----
    Let ``a`` be the threshold of a pattern and ``m`` the median of its scores that are not below
    ``a``; if there is no threshold, ``a`` is the lower quartile. A score ``s`` becomes::

        a_base + (s - a) (m_base - a_base) / (m - a)

    So the threshold of each pattern becomes that of the base, digit for digit, the middle of
    healthy scores becomes the same, and the order of scores within a pattern stays. p-values count
    scores of the sample's own pattern. Since ``a`` is a threshold, another rate also moves scores
    of samples with missing planes.

    A pattern with too few slices takes the threshold and the scale of the nearest that has
    enough: the one that differs in the fewest planes; of several, the one with the lowest
    threshold, which flags fewest.

    Examples
    --------
    >>> seen = np.repeat([[True, True], [True, False]], 39, axis=0)
    >>> scores = np.concatenate([np.arange(39.0), 10 * np.arange(39.0) - 500])
    >>> thresholds = PatternThresholds(scores, seen, np.arange(78), 0.05)
    >>> new, ct_alone = np.array([-495.0, -490.0]), seen[[40, 41]]
    >>> scaled = thresholds.scaled(new, ct_alone)
    >>> thresholds.threshold.offset, scaled, thresholds.p_values(scaled, ct_alone)
    (1.0, array([0.5, 1. ]), array([0.05 , 0.075]))
    """

    def __init__(
        self, scores: Scores, seen: Seen, groups: Groups, false_positive_rate: float
    ) -> None:
        self.scores, self.seen, self.groups = scores, seen, groups
        self.false_positive_rate = false_positive_rate
        self.patterns, which = np.unique(seen, axis=0, return_inverse=True)
        self.which = which.reshape(-1)
        counts = np.bincount(self.which, minlength=len(self.patterns))
        enough = np.array([_enough(int(n), false_positive_rate) for n in counts])
        self.usable = np.flatnonzero(enough if enough.any() else counts > 0)
        self.lines = np.array([self._line(i) for i in range(len(self.patterns))])
        self.base = self._nearest(np.ones(seen.shape[1], dtype=bool))
        of_base = self.which == self.base
        self.threshold = Threshold(scores[of_base], false_positive_rate, groups[of_base])
        if enough.any() and not enough.all():
            self._warn_of_few(np.flatnonzero(~enough), counts)

    def scaled(self, scores: Scores, seen: Seen) -> Scores:
        """Scores ``(n,)`` on the one scale; `seen` ``(n, n_planes)`` says which planes each has."""
        out = np.array(scores, dtype=np.float64)
        for i, rows in self._of_each(seen):
            out[rows] = self._on_the_scale(out[rows], i)
        return out

    def p_values(self, scaled: Scores, seen: Seen) -> Scores:
        """How often a healthy slice of its pattern scores as low as each: float64 ``(n,)``.

        `scaled` are scores on the one scale. At most `false_positive_rate` exactly if such a
        score lies below the `offset` of `threshold`.
        """
        out = np.empty(len(scaled))
        for i, rows in self._of_each(seen):
            known = self._on_the_scale(self.scores[self.which == i], i)
            out[rows] = conformal_p_values(scaled[rows], known)
        return out

    def at_rate(self, false_positive_rate: float) -> PatternThresholds:
        """The thresholds of another false-positive rate, from the same scores."""
        return PatternThresholds(self.scores, self.seen, self.groups, false_positive_rate)

    def with_own(self, scores: Scores, seen: Seen, groups: Groups) -> PatternThresholds:
        """The thresholds of one's own healthy slices; the other patterns keep their scores.

        Raises
        ------
        InvalidPairsError
            If no pattern has enough of them for the rate.
        """
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        counts = np.bincount(which.reshape(-1))
        enough = np.array([_enough(int(n), self.false_positive_rate) for n in counts])
        if not enough.any():
            raise InvalidPairsError(
                f"X has at most {counts.max()} samples of one pattern of observed planes; a "
                f"threshold for a false-positive rate of {self.false_positive_rate:g} needs at "
                f"least {slices_needed(self.false_positive_rate)}. Give more healthy samples, or "
                "ask for a higher rate first: rescore(false_positive_rate=...)."
            )
        own = enough[which.reshape(-1)]
        replaced = (self.patterns[:, None] == patterns[enough]).all(axis=2).any(axis=1)
        kept = ~replaced[self.which]
        return PatternThresholds(
            np.concatenate([scores[own], self.scores[kept]]),
            np.concatenate([seen[own], self.seen[kept]]),
            np.concatenate([groups[own], self.groups[kept]]),
            self.false_positive_rate,
        )

    def _line(self, i: int) -> tuple[float, float]:
        """The threshold, or the lower quartile, and the median of the scores above it."""
        scores = np.sort(self.scores[self.which == i])
        rank = conformal_rank(len(scores), self.false_positive_rate)
        start = scores[rank - 1] if rank else np.quantile(scores, 0.25)
        return float(start), float(np.median(scores[scores >= start]))

    def _on_the_scale(self, scores: Scores, i: int) -> Scores:
        if i == self.base:
            return scores
        (start, middle), (to, to_middle) = self.lines[i], self.lines[self.base]
        spread, wanted = middle - start, to_middle - to
        slope = wanted / spread if min(spread, wanted) > 1e-9 else 1.0
        return np.asarray(to + (scores - start) * slope)

    def _nearest(self, seen: Seen) -> int:
        """The pattern whose threshold stands for this one: itself, if it has enough slices."""
        apart = (self.patterns[self.usable] != seen).sum(axis=1)
        return int(self.usable[np.lexsort([self.lines[self.usable, 0], apart])[0]])

    def _of_each(self, seen: Seen) -> list[tuple[int, Groups]]:
        """The patterns that stand for those of samples, and the rows of each."""
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        stand = np.array([self._nearest(one) for one in patterns], dtype=int)[which.reshape(-1)]
        return [(int(i), np.flatnonzero(stand == i)) for i in np.unique(stand)]

    def _warn_of_few(self, few: Groups, counts: Groups) -> None:
        named = [
            f"{np.flatnonzero(self.patterns[i]).tolist()} ({counts[i]} slice(s))" for i in few[:8]
        ]
        warn_user(
            "Too few held-out slices show only these planes (counted from 0) for a threshold of "
            f"their own: {', '.join(named)}; a false-positive rate of "
            f"{self.false_positive_rate:g} needs {slices_needed(self.false_positive_rate)}. The "
            "threshold of the nearest pattern of planes stands in, and may flag too many or too "
            "few. Give more pairs with these planes, or ask for a higher rate.",
            ThresholdWarning,
        )


def _enough(n: int, false_positive_rate: float) -> bool:
    return conformal_rank(n, false_positive_rate) > 0 or (n > 0 and not false_positive_rate)
