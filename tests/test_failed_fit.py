"""A fit that fails leaves the estimator as it was; `check_detector` asks it of each detector."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ctmri_detect import CrossModalDetector, MapScoring
from ctmri_detect.base import BasePairedTransformer

X = make_heads(24, seed=1)
OTHER = make_heads(24, size=24, seed=2)
PATIENTS = np.repeat(np.arange(8), 3)
SCORING = MapScoring(false_positive_rate=0.3)


class Stops:
    """Pairs whose reading is interrupted after some blocks, as by Ctrl-C."""

    def __init__(self, array, reads, error):
        self.array, self.reads, self.error = array, reads, error
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        self.reads -= 1
        if self.reads < 0:
            raise self.error
        return self.array[key]


class Refuses(BaseEstimator):
    """A regressor that can't be fitted."""

    def fit(self, X, y):
        raise ValueError("the regressor refuses")

    def predict(self, X):
        raise AssertionError


def test_a_part_that_fails_changes_nothing():
    detector = CrossModalDetector(pixels_per_slice=32, map_scoring=SCORING, random_state=0)
    detector.fit(X, groups=PATIENTS)
    before = detector.score_samples(X)
    detector.set_params(predictor=Refuses())
    with pytest.raises(ValueError, match="the regressor refuses"):
        detector.fit(OTHER, groups=PATIENTS)
    detector.set_params(predictor="pixel")
    np.testing.assert_array_equal(detector.score_samples(X), before)


class Centre(BasePairedTransformer):
    def _fit(self, X):
        self.first_ = X[:1].mean()
        self.mean_ = np.mean([block.mean() for block in X.blocks(4)])

    def _transform(self, X):
        return X - np.float32(self.mean_)


def test_an_interrupted_step_changes_nothing():
    full = np.nan_to_num(X)
    step = Centre().fit(full)
    first, mean = step.first_, step.mean_
    with pytest.raises(KeyboardInterrupt):
        step.fit(Stops(full + 9, 3, KeyboardInterrupt()))
    assert (step.first_, step.mean_) == (first, mean)
    step = Centre()
    with pytest.raises(KeyboardInterrupt):
        step.fit(Stops(full, 3, KeyboardInterrupt()))
    with pytest.raises(NotFittedError):
        check_is_fitted(step)


def test_a_scoring_that_fails_changes_nothing():
    scoring = clone(SCORING).fit(X, X, PATIENTS)
    before = scoring.score_samples(X, X)
    with pytest.raises(ValueError, match="clip"):
        scoring.set_params(clip=-1).fit(OTHER, OTHER, PATIENTS)
    scoring.set_params(clip=SCORING.clip)
    np.testing.assert_array_equal(scoring.score_samples(X, X), before)
