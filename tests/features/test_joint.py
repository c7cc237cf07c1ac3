"""Features of all planes side by side."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from heads import make_heads
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

from ctmri_detect import DeepFeatureDetector
from ctmri_detect.features import (
    BackboneFeatures,
    FeatureGrid,
    FilterBankFeatures,
    JointFeatures,
)

HEADS = make_heads(12, size=32)
APART = FilterBankFeatures().fit(HEADS)


@pytest.fixture(scope="module")
def joint():
    return JointFeatures(FilterBankFeatures()).fit(HEADS)


def test_planes_stand_side_by_side(joint):
    apart, grid = APART.grids(HEADS), joint.grids(HEADS)
    assert (grid.values.shape, grid.stride) == ((12, 1, 8, 8, 20), 4)
    both = apart.seen.all(axis=1)
    assert both.any()
    for plane, part in enumerate(np.split(grid.values[:, 0], 2, axis=-1)):
        np.testing.assert_array_equal(part[both], apart.values[:, plane][both])


def test_an_unseen_plane_has_its_training_mean_and_the_cell_stays_seen(joint):
    X = HEADS.copy()
    X[3, 0] = np.nan
    X[4, 1, :16] = np.nan
    apart, grid = APART.grids(X), joint.grids(X)
    np.testing.assert_array_equal(grid.seen, apart.seen.any(axis=1, keepdims=True))
    assert grid.seen[3].any()
    trained = APART.grids(HEADS)
    for plane, part in enumerate(np.split(grid.values[:, 0], 2, axis=-1)):
        mean = trained.values[:, plane][trained.seen[:, plane]].mean(axis=0)
        unseen = part[~apart.seen[:, plane]]
        assert len(unseen)
        np.testing.assert_allclose(unseen, np.tile(mean, (len(unseen), 1)), rtol=1e-4, atol=1e-5)


def test_means_are_learned_of_samples_that_have_the_plane():
    X = np.concatenate([HEADS] * 10)
    X[:, 1] = np.nan
    X[[7, 77], 1] = HEADS[[7, 5], 1]  # two among 120
    fitted = JointFeatures(FilterBankFeatures()).fit(X)
    grid = FilterBankFeatures().fit(X).grids(X[[7, 77]])
    expected = grid.values[:, 1][grid.seen[:, 1]].mean(axis=0)
    np.testing.assert_allclose(fitted.means_[1], expected, rtol=1e-4, atol=1e-5)


def test_a_plane_that_no_one_has_is_0():
    X = HEADS.copy()
    X[:, 1] = np.nan
    grid = JointFeatures(FilterBankFeatures()).fit(X).grids(X)
    assert not grid.values[..., 10:].any()
    assert grid.seen.any()


def test_a_disagreement_of_planes_is_found_that_no_plane_shows():
    """Two textures, each normal; the planes always show the same one."""
    rng = np.random.default_rng(0)
    kinds = rng.random((60, 1, 8, 8)) > 0.5
    X = np.repeat(np.repeat(kinds, 4, axis=2), 4, axis=3) + 0.1 * rng.normal(size=(60, 2, 32, 32))
    test = X[:10].copy()
    test[:, 1, 12:20, 12:20] = 1 - test[:, 0, 12:20, 12:20]
    residuals = []
    for features in (FilterBankFeatures(), JointFeatures(FilterBankFeatures())):
        model = DeepFeatureDetector("knn", features=features, conditioning=False, random_state=0)
        model.set_params(map_scoring__false_positive_rate=0.3)
        residual = model.fit(X[10:], groups=np.arange(50) // 5).residual_map(test)[:, 1]
        residuals.append(residual[:, 13:19, 13:19].mean() - residual[:, :8].mean())
    assert residuals[1] > residuals[0] + 0.5


class Learns(BaseEstimator):
    """Says nothing about itself; changes its groups after the fit."""

    def fit(self, X):
        self.first_ = True
        return self

    def grids(self, block):
        n = block.shape[1] if hasattr(self, "later_") else 1
        values = np.ones((len(block), n, 2, 2, 3))
        return FeatureGrid(values, np.ones(values.shape[:-1], bool), 16)


def test_traits_are_those_of_the_extractor():
    assert not JointFeatures().traits.trains
    assert not JointFeatures(FilterBankFeatures()).traits.trains
    assert JointFeatures(Learns()).traits.trains


def test_other_groups_than_in_the_fit_are_refused():
    fitted = JointFeatures(Learns()).fit(HEADS)
    fitted.features_.later_ = True
    with pytest.raises(ValueError, match="describes 2 groups by 3 features; expected 1 groups"):
        fitted.grids(HEADS)


def test_contract(joint):
    with pytest.raises(NotFittedError):
        clone(joint).grids(HEADS)
    with pytest.raises(ValueError, match="JointFeatures's features is 3; expected a feature"):
        JointFeatures(3).fit("no pairs")
    again = pickle.loads(pickle.dumps(joint))
    np.testing.assert_array_equal(again.grids(HEADS).values, joint.grids(HEADS).values)
    default = JointFeatures().set_params(features__cell=8)
    assert isinstance(default.features, BackboneFeatures)
    assert default.features.cell == 8
