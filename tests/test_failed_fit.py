"""A fit that fails or is interrupted leaves the estimator as it was."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ctmri_detect import AtlasDetector, ConvAutoencoderDetector, CrossModalDetector, MapScoring
from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.networks.training.settings import Training

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


DETECTORS = {
    "atlas": AtlasDetector(map_scoring=SCORING),
    "cross-modal": CrossModalDetector(pixels_per_slice=32, map_scoring=SCORING, random_state=0),
    "autoencoder": ConvAutoencoderDetector(
        channels=(4, 8), latent_dim=4, training=Training(max_epochs=1), map_scoring=SCORING,
        device="cpu", random_state=0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("error", [OSError("the disk went away"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("name", DETECTORS)
def test_an_interrupted_fit_changes_nothing(name, error):
    detector = clone(DETECTORS[name])
    counting = Stops(OTHER, 10**6, error)
    clone(detector).fit(counting, groups=PATIENTS)
    needed = 10**6 - counting.reads
    assert needed > 2
    for reads in sorted({1, needed // 2, needed - 1}):
        with pytest.raises(type(error)):
            detector.fit(Stops(OTHER, reads, error), groups=PATIENTS)
        with pytest.raises(NotFittedError):
            detector.predict(X)
    detector.fit(X, groups=PATIENTS)
    before, attributes = detector.score_samples(X), dict(vars(detector))
    for reads in sorted({1, needed // 2, needed - 1}):
        with pytest.raises(type(error)):
            detector.fit(Stops(OTHER, reads, error), groups=PATIENTS)
    assert vars(detector).keys() == attributes.keys()
    assert all(vars(detector)[key] is value for key, value in attributes.items())
    np.testing.assert_array_equal(detector.score_samples(X), before)


def test_a_part_that_fails_changes_nothing():
    detector = clone(DETECTORS["cross-modal"]).fit(X, groups=PATIENTS)
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
    scoring.set_params(clip=6.0)
    np.testing.assert_array_equal(scoring.score_samples(X, X), before)
