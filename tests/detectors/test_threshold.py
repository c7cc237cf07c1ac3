"""Laws of the simplest baseline."""

from __future__ import annotations

import numpy as np
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import get_tags

from ctmri_detect import MapScoring, ThresholdDetector

X = make_heads(12)
DETECTOR = ThresholdDetector().fit(X)


def test_the_residual_is_the_distance_from_the_planes_median():
    residual = DETECTOR.residual_map(X)
    assert_allclose(residual, X - np.nanmedian(X, axis=(2, 3), keepdims=True), atol=1e-6)
    assert_allclose(np.nanmedian(residual, axis=(2, 3)), 0, atol=1e-6)


def test_nothing_is_learned_from_the_training_images():
    other = ThresholdDetector().fit(make_heads(9, seed=7) * 3 + 1)
    assert_array_equal(other.residual_map(X), DETECTOR.residual_map(X))


def test_each_plane_of_each_sample_has_its_own_level():
    level = np.random.default_rng(0).normal(size=(12, 2, 1, 1)).astype(np.float32) * 50
    assert_allclose(DETECTOR.residual_map(X + level), DETECTOR.residual_map(X), atol=1e-4)
    assert_allclose(DETECTOR.anomaly_map(X + level), DETECTOR.anomaly_map(X), atol=1e-3)


def test_bright_and_dark_spots_are_anomalies_wherever_they_are():
    scoring = MapScoring(reference=None, symmetry=False, clip=50, false_positive_rate=0.1)
    plain = ThresholdDetector(map_scoring=scoring).fit(X)
    for modality in (0, 1):
        for amount in (3.0, -3.0):
            for at in ((10, 13), (20, 18)):
                pair, disc = plant(X[0], modality, amount=amount, at=at)
                heat = plain.anomaly_map(pair[None])[0]
                assert disc[np.unravel_index(np.nanargmax(heat), heat.shape)]
                assert plain.predict(pair[None])[0] == -1


def test_a_missing_modality_is_scored_by_the_other():
    assert get_tags(DETECTOR).missing_modality
    half = X.copy()
    half[:, 1] = np.nan
    residual = DETECTOR.residual_map(half)
    assert_array_equal(residual[:, 0], DETECTOR.residual_map(X)[:, 0])
    assert np.isnan(residual[:, 1]).all()
    assert np.isfinite(DETECTOR.score_samples(half)).all()


def test_by_default_it_compares_with_nothing():
    assert DETECTOR.map_scoring is None
    assert DETECTOR.map_scoring_.reference is None
    assert DETECTOR.map_scoring_.symmetry is False
