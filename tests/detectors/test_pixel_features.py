"""Laws of what the pixel form sees, and of its fit."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from ctmri_detect import _threads
from ctmri_detect.detectors.cross_modal.pixel_features import PairFeatures, n_features
from ctmri_detect.detectors.cross_modal.pixel_fit import fit_on_pixels
from ctmri_detect.detectors.cross_modal.pixel_regressor import RegressorPair
from ctmri_detect.detectors.cross_modal.predictors import (
    PixelPredictor,
    standardised,
    standardised_pixels,
)
from ctmri_detect.imageops.filters import filter_bank, geometry
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.validation import CT, MRI, PairReader

X = make_heads(20)
X[3, 1, :, :9] = np.nan  # one whose planes have not the same mask
BOTH = ("other", "mirror")


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("n", [0, 3])
def test_a_pixel_has_its_place_the_other_plane_and_its_mirror_image(n, target):
    seen = ~np.isnan(X[n])
    bank, place = filter_bank(X[n], seen), geometry(seen.any(axis=0))
    places = np.random.default_rng(0).permutation(np.flatnonzero(seen.all(axis=0)))[:50]
    expected = np.concatenate([place, bank[1 - target], bank[target][..., ::-1]])
    columns = PairFeatures(X).columns(n, target, BOTH, places)
    assert columns.shape == (50, n_features(BOTH))
    assert_array_equal(columns, expected.reshape(len(expected), -1)[:, places].T)


def test_another_mri_is_described_as_if_afresh():
    moved, rows = X.copy(), np.array([1, 3, 7])
    moved[rows, MRI] = np.roll(X[rows, MRI], 2, axis=1)
    features, expected = PairFeatures(X), PairFeatures(moved)
    features.replace_mri(moved, rows)
    early = PairFeatures(X)
    early.bank(MRI)  # before and after the planes were described
    early.replace_mri(moved, rows)
    for one in (features, early):
        for plane in (CT, MRI):
            assert_array_equal(one.bank(plane), expected.bank(plane))
        assert_array_equal(one.place, expected.place)


def predictor(views=("other",)):
    return PixelPredictor(views, RegressorPair(Ridge(), 0.0, 0), 60)


def test_a_prediction_by_blocks_is_near_the_block_means_of_the_prediction():
    asked = predictor().fit(PairReader(X), np.random.RandomState(0))
    features = asked.describe(X)
    for side in (1, 2):
        mean, variance = asked.predict_blocks(X, features, MRI, side)
        whole, _ = asked.predict(X, features, targets=(MRI,))
        expected = resize_observed(whole[:, MRI], mean.shape[1:])
        assert_array_equal(np.isnan(mean), np.isnan(expected))
        assert_allclose(mean, expected, atol=1e-4)  # a linear regressor: the mean of the means
        assert (variance[~np.isnan(mean)] > 0).all()


def test_predictors_fitted_together_are_as_fitted_one_after_the_other(monkeypatch):
    fits = []
    for threads in (1, 3):
        monkeypatch.setattr(_threads, "threads_allowed", lambda n=threads: n)
        together = [predictor(), predictor(BOTH)]
        fit_on_pixels(together, PairReader(X), np.random.RandomState(5))
        fits.append(together)
    rng = np.random.RandomState(5)
    fits.append([views.fit(PairReader(X), rng) for views in (predictor(), predictor(BOTH))])
    answers = [[one.predict(X, one.describe(X)) for one in predictors] for predictors in fits]
    for answer in answers[1:]:
        assert_array_equal(answer, answers[0])


def test_features_do_not_depend_on_what_was_asked_before():
    features = PairFeatures(X)
    places = np.flatnonzero(~np.isnan(X[0]).any(axis=0))
    questions = [
        (n, target, views, where)
        for n in (0, 5)
        for target in (CT, MRI)
        for where in (places, places[:9])
        for views in (("other",), BOTH, ("mirror",), BOTH, ("other",))
    ]
    for question in questions:
        assert_array_equal(features.columns(*question), PairFeatures(X).columns(*question))


def test_a_plane_is_standardised_by_each_prediction_as_by_that_alone():
    both = [predictor(), predictor(BOTH)]
    fit_on_pixels(both, PairReader(X), np.random.RandomState(0))
    for one, part in zip(both, standardised_pixels(both, X, PairFeatures(X)), strict=True):
        assert_array_equal(part, standardised(X, *one.predict(X, one.describe(X))))
