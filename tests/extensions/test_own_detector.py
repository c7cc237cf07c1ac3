"""A detector of a user's own, outside the package: public imports only."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import MapScoring, anomaly_map
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.evaluation import decision_roc_auc_scorer
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.preprocessing import Resize
from ctmri_detect.testing import detector_checks, make_heads, plant


class MedianDetector(BasePairedDetector):
    """The difference to the median of the training slices at each place, to some power."""

    traits = Traits(trains=False, cheap=True, threadsafe=True, missing_modality=True)

    def __init__(self, power: float = 1.0, map_scoring: MapScoring | None = None) -> None:
        self.power = power
        self.map_scoring = map_scoring

    def _fit(self, X):
        self.median_ = np.ma.median(np.ma.masked_invalid(np.asarray(X)), axis=0).filled(0)

    def _residual(self, X):
        off = X - self.median_
        return np.sign(off) * np.abs(off) ** self.power


DETECTOR = MedianDetector()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", [pytest.param(c, id=name) for name, c in detector_checks()])
def test_it_keeps_the_laws_of_the_library(check):
    check(DETECTOR)


def test_it_finds_lesions_and_takes_part_in_pipelines_and_searches():
    heads, patients = make_heads(60, seed=1), np.arange(60) // 3
    y = np.where(np.arange(60) % 5 == 0, -1, 1)
    X = heads.copy()
    for i in np.flatnonzero(y == -1):
        X[i], _ = plant(heads[i], 1, amount=0.6)
    search = GridSearchCV(
        make_pipeline(Resize(32), MedianDetector()),
        {"mediandetector__power": [0.5, 1.0]},
        scoring=decision_roc_auc_scorer,
        cv=NormalOnlyGroupKFold(2),
        error_score="raise",
    ).fit(X[:30], y[:30], groups=patients[:30])
    decision = search.decision_function(X[30:])
    assert decision_roc_auc_score(y[30:], decision) > 0.9
    assert anomaly_map(search, X[30:32]).shape == (2, 32, 32)
