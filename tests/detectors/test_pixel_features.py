"""Laws of what the pixel form sees, and of its fit."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from ctmri_detect.detectors.cross_modal.pixel_features import PairFeatures, n_features
from ctmri_detect.detectors.cross_modal.pixel_predictor import PixelPredictor
from ctmri_detect.detectors.cross_modal.regressor_pair import RegressorPair
from ctmri_detect.imageops.comparison import block_side
from ctmri_detect.imageops.filters import filter_bank, geometry
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.validation import CT, MRI, PairReader

X = make_heads(20)
X[3, 1, :, :9] = np.nan  # one whose planes have not the same mask
OTHER, BOTH = ("other",), ("other", "mirror")


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("n", [0, 3])
def test_a_pixel_has_its_place_the_other_plane_and_its_mirror_image(n, target):
    seen = ~np.isnan(X[n])
    bank, place = filter_bank(X[n], seen), geometry(seen.any(axis=0))
    places = np.random.default_rng(0).permutation(np.flatnonzero(seen.all(axis=0)))[:50]
    expected = np.concatenate([place, bank[1 - target], bank[target][..., ::-1]])
    columns = PairFeatures(X).columns(n, target, BOTH, places)
    assert columns.shape == (50, n_features(BOTH, 2))
    assert_array_equal(columns, expected.reshape(len(expected), -1)[:, places].T)


def test_a_moved_plane_is_described_as_if_afresh():
    moved, rows = X.copy(), np.array([1, 3, 7])
    moved[rows, MRI] = np.roll(X[rows, MRI], 2, axis=1)
    expected = PairFeatures(moved)
    late, early = PairFeatures(X), PairFeatures(X)
    early.bank(MRI)  # before and after the planes were described
    before = early.bank(MRI).copy()
    for features in (late.moved(moved), early.moved(moved)):
        for plane in (CT, MRI):
            assert_array_equal(features.bank(plane), expected.bank(plane))
        assert_array_equal(features.place, expected.place)
    assert_array_equal(early.bank(MRI), before)


def fitted(*view_sets, pairs=X, seed=0):
    predictor = PixelPredictor(RegressorPair(Ridge(), 0.0, 0), 60)
    return predictor.fit(PairReader(pairs), view_sets, np.random.RandomState(seed))


def answers(predictor, pairs=X):
    return np.array(predictor.predict(predictor.describe(pairs)))


def test_a_coarse_prediction_is_near_the_block_means_of_the_prediction():
    for enlarged in (1, 3):  # 32 pixels a side: every pixel; 96: blocks of 2 x 2
        pairs = X.repeat(enlarged, axis=2).repeat(enlarged, axis=3)
        asked = fitted(OTHER, pairs=pairs)
        mean, variance = asked.coarse(asked.describe(pairs), MRI)
        whole = asked.predict(asked.describe(pairs))[0][0]
        expected = resize_observed(whole[:, MRI], mean.shape[1:])
        assert mean.shape[1] == round(32 * enlarged / block_side(pairs.shape[2:]))
        assert_array_equal(np.isnan(mean), np.isnan(expected))
        assert_allclose(mean, expected, atol=1e-4)  # a linear regressor: the mean of the means
        assert (variance[~np.isnan(mean)] > 0).all()


def test_view_sets_fitted_together_are_as_fitted_one_after_the_other():
    expected = None
    for threads in (1, 3):
        with threadpool_limits(threads):
            together = answers(fitted(OTHER, BOTH, seed=5))
        expected = together if expected is None else expected
        assert_array_equal(together, expected)
    rng, apart = np.random.RandomState(5), []
    for views in (OTHER, BOTH):
        alone = PixelPredictor(RegressorPair(Ridge(), 0.0, 0), 60)
        apart.append(answers(alone.fit(PairReader(X), [views], rng))[0])
    assert_array_equal(np.array(apart), expected)


def test_features_do_not_depend_on_what_was_asked_before():
    features = PairFeatures(X)
    places = np.flatnonzero(~np.isnan(X[0]).any(axis=0))
    questions = [
        (n, target, views, where)
        for n in (0, 5)
        for target in (CT, MRI)
        for where in (places, places[:9])
        for views in (OTHER, BOTH, ("mirror",), BOTH, OTHER)
    ]
    for question in questions:
        assert_array_equal(features.columns(*question), PairFeatures(X).columns(*question))


def test_of_three_planes_a_pixel_has_both_others_and_where_they_were_observed():
    three = np.concatenate([X, X[:, :1] ** 2], axis=1)
    seen = ~np.isnan(three[3])
    places = np.flatnonzero(seen[2])
    columns = PairFeatures(three).columns(3, 2, OTHER, places)
    bank = filter_bank(three[3], seen)
    expected = [geometry(seen.any(axis=0)), bank[0], bank[1], seen[:2].astype(np.float32)]
    expected = np.concatenate(expected)
    assert columns.shape == (len(places), n_features(OTHER, 3))
    assert_array_equal(columns, expected.reshape(len(expected), -1)[:, places].T)


def test_of_three_planes_one_may_be_missing():
    three = np.concatenate([X, X[:, :1] ** 2], axis=1)
    asked = fitted(OTHER, pairs=three)
    whole, half = answers(asked, three), three.copy()
    half[0, 0] = np.nan
    mean, variance = answers(asked, half)[0]
    assert np.isnan(mean[0, 0]).all()
    assert_array_equal(np.isnan(mean[0, 1:]), np.isnan(three[0, 1:]))
    assert (variance[~np.isnan(mean)] > 0).all()
    assert_array_equal(mean[1:], whole[0, 0, 1:])


class Counting:
    """Pairs that count how many samples are read."""

    def __init__(self, array):
        self.array, self.read = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows):
        part = self.array[rows]
        self.read += len(part)
        return part


@pytest.mark.parametrize("view_sets", [[OTHER], [OTHER, BOTH]])
def test_a_fit_reads_each_slice_once_for_each_view_set(view_sets):
    pairs = Counting(X)
    PixelPredictor(RegressorPair(Ridge(), 0.0, 0), 60).fit(
        PairReader(pairs), view_sets, np.random.RandomState(0)
    )
    assert pairs.read == len(X) * len(view_sets)


def test_mean_and_spread_are_read_once():
    pairs = Counting(X)
    position_statistics(PairReader(pairs))
    assert pairs.read == len(X)
