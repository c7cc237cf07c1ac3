"""Pixels of maps, counted by value: for the whole set exactly, for each patient in bins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ctmri_detect.evaluation.pixels import CODES, SORTED, count_pixels, rated
from ctmri_detect.evaluation.scored import Scored
from ctmri_detect.metrics.candidates import label_lesions
from ctmri_detect.metrics.levels import Ranking

_BINS = 1024
_PIMO_RATES = 1e-5, 1e-4

Codes = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]


class MapCounts:
    """Counts of lesion pixels (plain, and weighted so that lesions count alike) and healthy ones.

    Maps are rounded to float16, as a store keeps them. Each of its 65,536 values is counted. For
    each patient the counts are kept in about a thousand bins, with about equally many lesion
    pixels each. That is enough for an interval.

    Parameters
    ----------
    data : Scored
        With `planes`.
    pixel_rate : float
        Share of pixels above the threshold of dice_at_threshold, in the normal samples of the
        other folds.
    """

    def __init__(self, data: Scored, pixel_rate: float) -> None:
        assert data.planes is not None
        n_folds = int(data.fold.max()) + 1
        self.total = np.zeros((3, CODES))
        of_normals = np.zeros((n_folds, CODES))
        shares, n_normal = np.zeros(CODES), 0
        for row, mask, plane in data.planes():
            counts = _counted(mask, plane)
            self.total += counts
            if data.target[row] == 1:
                of_normals[data.fold[row]] += counts[2]
            if not mask.any() and counts[2].any():
                shares, n_normal = shares + counts[2] / counts[2].sum(), n_normal + 1
        widths = _widths(shares / n_normal) if n_normal else None
        self.thresholds = [_exceeded(_others(of_normals, f), pixel_rate) for f in range(n_folds)]
        edges = _edges(self.total[0])
        self._starts = np.concatenate([[0], edges])
        self.values = SORTED[np.concatenate([edges - 1, [CODES - 1]])]
        n = int(data.patients.max()) + 1
        self.of_patients = np.zeros((n, 3, len(self.values)))
        self.pimo = np.zeros((n, 2))  # sum of the recalls, samples with a lesion
        self.called = np.zeros((n, 3))  # hits, taken, lesion pixels, at the threshold of the fold
        for row, mask, plane in data.planes():
            code, threshold = data.patients[row], self.thresholds[data.fold[row]]
            counts = _counted(mask, plane)
            self.of_patients[code] += np.add.reduceat(counts, self._starts, axis=1)
            if mask.any() and widths is not None:
                above = 1 - np.cumsum(counts[0]) / mask.sum()
                self.pimo[code] += np.clip(above @ widths, 0, 1), 1
            found = np.nan_to_num(plane.astype(np.float64), nan=-np.inf) > threshold
            self.called[code] += (found & mask).sum(), found.sum(), mask.sum()

    def exact(self, metric: Callable[[Ranking], float], weighted: bool = False) -> float:
        """A metric of all pixels; NaN without lesion pixels or without healthy ones."""
        return rated(metric, SORTED, self.total[[int(weighted), 2]])

    def binned(
        self, metric: Callable[[Ranking], float], weighted: bool = False
    ) -> Callable[[Sums], float]:
        """The same metric, of the summed bin counts of patients."""
        return lambda sums: rated(metric, self.values, sums[[int(weighted), 2]])


def _counted(mask: npt.NDArray[np.bool_], plane: npt.NDArray[np.floating]) -> Sums:
    """Counts ``(3, CODES)`` in order of value; a lesion pixel that is NaN ranks last."""
    ranks, (lesion, healthy) = count_pixels(mask, plane)
    out = np.stack([lesion, np.zeros(CODES), healthy])
    if mask.any():
        labels, n = label_lesions(mask)
        weights = (1 / np.bincount(labels[mask], minlength=n + 1).clip(1))[labels[mask]]
        out[1] = np.bincount(ranks[mask], weights=weights, minlength=CODES)
    return out


def _widths(shares: Sums) -> Sums:
    """For each value, the part of the AUPIMO axis on which it is the highest allowed one.

    See `metrics.anomaly_map_aupimo_score`; here from counts.
    """
    low, high = _PIMO_RATES
    rates = np.concatenate([[0.0], np.cumsum(shares[::-1])])  # from the highest value down
    return (np.diff(np.log(np.clip(rates, low, high))) / np.log(high / low))[::-1]


def _others(of_folds: Sums, fold: int) -> Sums:
    return of_folds.sum(axis=0) - of_folds[fold]


def _exceeded(counts: Sums, rate: float) -> float:
    """The lowest value that at most this share of the pixels exceed; infinity without pixels."""
    n = counts.sum()
    if not n:
        return float("inf")
    above = n - np.cumsum(counts)
    return float(SORTED[np.argmax(above <= rate * n)])


def _edges(lesion: Sums) -> Codes:
    """Where bins of about equally many lesion pixels begin."""
    if not lesion.any():
        return np.array([1])
    reached = np.cumsum(lesion) / lesion.sum()
    cuts = np.searchsorted(reached, np.linspace(0, 1, _BINS)) + 1
    return np.unique(cuts[(cuts > 0) & (cuts < CODES)])
