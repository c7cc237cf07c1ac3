"""Metrics of maps: of pixels, of regions and of lesions, with intervals over patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.evaluation.map_counts import MapCounts
from ctmri_detect.evaluation.sample_measures import NAN, Figure, Resampling
from ctmri_detect.evaluation.scored import Scored
from ctmri_detect.metrics.candidates import find_lesions
from ctmri_detect.metrics.levels import Ranking, area_under_roc, average_precision, best_dice

_PEAKS = 5  # pixels between peaks, as in `anomaly_map_froc_curve`
_PIXEL_RATE = 0.01
_MAX_FPR = 0.3  # of AUPRO

PIXEL_MEASURES: dict[str, tuple[str, Callable[[Ranking], float], bool]] = {
    "pixel_ap": ("pixel", average_precision, False),
    "pixel_auroc": ("pixel", area_under_roc, False),
    "best_dice": ("pixel", best_dice, False),
    "aupro": ("region", partial(area_under_roc, max_fpr=_MAX_FPR), True),
}
OTHER_MEASURES = {
    "dice_at_threshold": "pixel",
    "aupimo": "image",
    "lesion_sensitivity_at_1": "lesion",
    "lesion_sensitivity": "lesion",
}
MAP_MEASURES = {name: level for name, (level, *_) in PIXEL_MEASURES.items()} | OTHER_MEASURES
"""Name to level."""
RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)  # false positives per sample, those of LUNA16


def map_figures(data: Scored, by: Resampling, names: set[str]) -> Iterator[tuple[str, Figure]]:
    """The chosen metrics of a run with maps; those that need the same counts are made at once."""
    counted = {*PIXEL_MEASURES, "dice_at_threshold", "aupimo"} & names
    if counted:
        counts = MapCounts(data, _PIXEL_RATE)
        for name, (_, metric, weighted) in PIXEL_MEASURES.items():
            if name in names:
                exact, binned = counts.exact(metric, weighted), counts.binned(metric, weighted)
                yield name, by.of_sums(counts.of_patients, binned, exact)
        if "dice_at_threshold" in names:
            known = np.isfinite(counts.thresholds).all()
            yield "dice_at_threshold", by.of_sums(counts.called, _dice) if known else Figure(NAN)
        if "aupimo" in names:  # the interval keeps the thresholds of all normal samples fixed
            yield "aupimo", by.of_sums(counts.pimo, lambda t: t[0] / t[1] if t[1] else NAN)
    rates = {"lesion_sensitivity_at_1": (1.0,), "lesion_sensitivity": RATES}
    if names & rates.keys():
        sums = _peaks(data)
        for name in names & rates.keys():
            sensitivity = partial(_sensitivity, rates=rates[name])
            yield name, Figure(NAN) if sums is None else by.of_sums(sums, sensitivity)


def _dice(sums: npt.NDArray[np.float64]) -> float:
    hits, taken, lesion = sums
    return float(2 * hits / (taken + lesion)) if lesion else NAN


def _peaks(data: Scored) -> npt.NDArray[np.float64] | None:
    """Lesions and false positives of each patient at decreasing heights; None without lesions."""
    assert data.planes is not None
    hits: list[Any] = []
    false: list[Any] = []
    owners: list[Any] = []
    scans = np.zeros(int(data.patients.max()) + 1)
    for row, mask, plane in data.planes():
        found = find_lesions([(mask, plane.astype(np.float32))], _PEAKS)
        code = data.patients[row]
        scans[code] += 1
        hits.append(found.lesions)
        false.append(found.false)
        owners.append((np.full(len(found.lesions), code), np.full(len(found.false), code)))
    hit, wrong = np.concatenate(hits), np.concatenate(false)
    if not len(hit):
        return None
    of_hit, of_wrong = (np.concatenate(each) for each in zip(*owners, strict=True))
    heights = np.unique(np.concatenate([hit[np.isfinite(hit)], wrong]))[::-1]
    bins = heights[np.unique(np.linspace(0, len(heights) - 1, 2000).astype(int))]
    n = len(scans)
    reached = np.stack([_reached(hit, of_hit, bins, n), _reached(wrong, of_wrong, bins, n)], axis=1)
    lesions = np.bincount(of_hit, minlength=n).astype(float)
    return np.concatenate([reached.reshape(n, -1), lesions[:, None], scans[:, None]], axis=1)


def _reached(
    heights: npt.NDArray[np.float64],
    owners: npt.NDArray[np.int64],
    bins: npt.NDArray[np.float64],
    n: int,
) -> npt.NDArray[np.float64]:
    """How many heights of each patient reach each level: ``(n, n_bins)``."""
    place = np.searchsorted(-bins, -heights)  # the first level that it reaches
    out = np.zeros((n, len(bins) + 1))
    np.add.at(out, (owners, place), 1)
    return np.cumsum(out, axis=1)[:, :-1]


def _sensitivity(sums: npt.NDArray[np.float64], rates: tuple[float, ...]) -> float:
    n_lesions, n_scans = sums[-2:]
    found, false = sums[:-2].reshape(2, -1)
    if not n_lesions or not n_scans:
        return NAN
    sensitivity = np.concatenate([[0.0], found / n_lesions])
    place = np.searchsorted(np.concatenate([[0.0], false / n_scans]), rates, side="right") - 1
    return float(sensitivity[place].mean())
