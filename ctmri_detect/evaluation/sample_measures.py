"""Metrics of whole samples and of patients, with intervals over patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.evaluation.patients import patient_scores, patient_target
from ctmri_detect.evaluation.resampling import interval_of_sums, per_patient
from ctmri_detect.evaluation.scored import Scored
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.metrics.levels import (
    Ranking,
    area_under_roc,
    average_precision,
    best_dice,
    rank_counts,
)

NAN = float("nan")
_MOST_LEVELS = 2048  # different decisions that an interval takes into account

RankMetric = Callable[[Ranking], float]


@dataclass(frozen=True)
class Figure:
    """A value and its interval; NaN where they are not defined."""

    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Resampling:
    """How intervals are made, see `metrics.patient_bootstrap`."""

    n_resamples: int = 500
    confidence_level: float = 0.95
    random_state: int = 0

    def of(self, metric: RankMetric, s: Scored, decision: npt.NDArray[np.float64]) -> Figure:
        """A metric of the ranks of samples; its value is exact. NaN without both classes."""
        levels, place = np.unique(-decision, return_inverse=True)
        edges = np.unique(np.linspace(0, len(levels), _MOST_LEVELS + 1).astype(int))[:-1]
        exact, anomalous = np.zeros((2, len(levels))), (s.target == -1).astype(int)
        np.add.at(exact, (1 - anomalous, place), 1)
        of_patients = np.zeros((int(s.patients.max()) + 1, 2, len(edges)))
        bins = np.searchsorted(edges, place, side="right") - 1
        np.add.at(of_patients, (s.patients, 1 - anomalous, bins), 1)
        value = _rated(metric, levels, exact)
        return self.of_sums(of_patients, lambda total: _rated(metric, edges * 1.0, total), value)

    def share(self, hits: object, of: object, patients: npt.NDArray[np.int64]) -> Figure:
        """Sum of the hits divided by the sum of `of`."""
        sums = per_patient(patients, np.stack([np.asarray(hits), np.asarray(of)], axis=1))
        return self.of_sums(sums, lambda total: total[0] / total[1] if total[1] else NAN)

    def of_sums(
        self,
        sums: npt.NDArray[np.float64],
        metric: Callable[[npt.NDArray[np.float64]], float],
        value: float | None = None,
    ) -> Figure:
        """A metric of counts that patients add to; `value` is its exact value, where known."""
        own = metric(sums.sum(axis=0))
        low, high = interval_of_sums(sums, metric, **vars(self))
        moved = 0.0 if value is None else value - own
        return Figure(own + moved, low + moved, high + moved)


Measure = Callable[[Scored, Resampling], Figure]


def _rated(
    metric: RankMetric, levels: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]
) -> float:
    odd, fine = counts.astype(np.int64)
    if not odd.any() or not fine.any():
        return NAN
    used = odd + fine > 0
    return metric(rank_counts(levels[used], odd[used], fine[used]))


def _of_samples(metric: RankMetric) -> Measure:
    return lambda s, by: by.of(metric, s, s.decision)


def _of_patients(metric: RankMetric) -> Measure:
    def measure(s: Scored, by: Resampling) -> Figure:
        target = patient_target(s.target, s.patients)
        found = patient_scores(s.decision, s.patients)["decision"].to_numpy()
        codes, known = np.arange(len(target)), np.ones(len(target), bool)
        patients = Scored(target["target"].to_numpy(), found, codes, codes, known, NAN)
        return by.of(metric, patients, found)

    return measure


def _called(label: int) -> Measure:
    """Share of the samples with this label that are flagged, where there is a threshold."""

    def measure(s: Scored, by: Resampling) -> Figure:
        used = (s.target == label) & s.has_threshold
        return by.share(used & (s.decision < 0), used, s.patients)

    return measure


def _called_patients(label: int) -> Measure:
    """Share of the patients with this label who have a flagged sample."""

    def measure(s: Scored, by: Resampling) -> Figure:
        frame = pd.DataFrame({"called": (s.decision < 0) & s.has_threshold, "y": s.target})
        of_patients = (
            frame.assign(known=s.has_threshold)
            .groupby(s.patients)
            .agg({"called": "max", "y": "min", "known": "min"})
        )
        used = (of_patients["y"] == label) & of_patients["known"]
        return by.share(used & of_patients["called"], used, np.arange(len(used)))

    return measure


def _inside(s: Scored, by: Resampling) -> Figure:
    """Mean AUROC inside patients who have samples of both classes."""
    areas = np.zeros((int(s.patients.max()) + 1, 2))
    for code in np.unique(s.patients):
        own = s.patients == code
        if len(np.unique(s.target[own])) == 2:
            areas[code] = decision_roc_auc_score(s.target[own], s.decision[own]), 1
    return by.of_sums(areas[areas[:, 1] > 0], lambda t: t[0] / t[1] if t[1] else NAN)


def _identity(s: Scored, by: Resampling) -> Figure:
    """AUROC of a score that knows only the patient of each sample: a control."""
    share = pd.Series(s.target == -1).groupby(s.patients).transform("mean").to_numpy()
    return by.of(area_under_roc, s, -share)


SAMPLE_MEASURES: Mapping[str, tuple[str, Measure]] = {
    "auroc": ("image", _of_samples(area_under_roc)),
    "ap": ("image", _of_samples(average_precision)),
    "f1_max": ("image", _of_samples(best_dice)),
    "auroc_inside_patients": ("image", _inside),
    "auroc_of_patient_identity": ("image", _identity),
    "sensitivity": ("image", _called(-1)),
    "false_positive_rate": ("image", _called(1)),
    "promised_false_positive_rate": ("image", lambda s, by: Figure(s.promised)),
    "patient_auroc": ("patient", _of_patients(area_under_roc)),
    "patient_ap": ("patient", _of_patients(average_precision)),
    "patient_sensitivity": ("patient", _called_patients(-1)),
    "patient_false_positive_rate": ("patient", _called_patients(1)),
}
"""Name to level and function."""
