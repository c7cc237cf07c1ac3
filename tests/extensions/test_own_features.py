"""A feature extractor that somebody else wrote, as in docs/architecture.md."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV

from ctmri_detect import DeepFeatureDetector, MapScoring, Pairs
from ctmri_detect.features import FeatureGrid
from ctmri_detect.model_selection import NormalOnlyGroupKFold


class CellMoments(BaseEstimator):
    """Mean and standard deviation of each cell, in units of the plane's own spread."""

    def __init__(self, cell=4):
        self.cell = cell

    def fit(self, X):
        self.spread_ = np.nanstd(np.asarray(X), axis=(0, 2, 3))
        return self

    def grids(self, block):
        n, planes, height, width = block.shape
        shape = n, planes, height // self.cell, self.cell, width // self.cell, self.cell
        cells = (block / self.spread_[:, None, None]).reshape(shape)
        moments = np.stack([cells.mean(axis=(3, 5)), cells.std(axis=(3, 5))], axis=-1)
        return FeatureGrid(moments, np.isfinite(moments).all(axis=-1), stride=self.cell)


RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(20), 2)


def pictures(n):
    """Smooth pairs with noise, not observed at the edge."""
    y, x = np.mgrid[:32, :32] / 32
    X = (np.stack([x + y, x - y]) + 0.1 * RNG.normal(size=(n, 2, 32, 32))).astype(np.float32)
    X[..., :4] = np.nan
    return X


def with_lesion(X):
    """A bright square in the first plane, rows 12 to 19, columns 16 to 23."""
    X = X.copy()
    X[:, 0, 12:20, 16:24] += 3
    return X


TRAIN, TEST = pictures(40), pictures(6)
MODEL = DeepFeatureDetector(
    features=CellMoments(),
    conditioning=False,
    map_scoring=MapScoring(symmetry=False, pool_fraction=0.05, false_positive_rate=0.2),
    random_state=0,
)


@pytest.fixture(scope="module")
def fitted():
    return clone(MODEL).fit(TRAIN, groups=GROUPS)


def test_it_finds_a_planted_lesion(fitted):
    lesions = with_lesion(TEST)
    assert fitted.score_samples(lesions).max() < fitted.score_samples(TEST).min()
    for found in fitted.anomaly_map(lesions):
        assert np.median(found[12:20, 16:24]) > np.nanquantile(found, 0.9)


def test_clones_and_pickles_score_alike(fitted):
    expected = fitted.score_samples(TEST)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).score_samples(TEST), expected)
    again = clone(fitted).fit(TRAIN, groups=GROUPS)
    np.testing.assert_array_equal(again.score_samples(TEST), expected)
    assert not hasattr(fitted.features, "spread_")  # a clone was fitted


def test_its_parameter_is_searched():
    X = np.concatenate([TRAIN, with_lesion(TEST)])
    y = np.repeat([1, -1], [len(TRAIN), len(TEST)])
    groups = np.concatenate([GROUPS, np.arange(20, 26)])
    search = GridSearchCV(
        MODEL, {"features__cell": [16, 4]}, cv=NormalOnlyGroupKFold(2), scoring="roc_auc"
    )
    search.fit(Pairs(X, groups=groups), y)
    assert search.best_params_ == {"features__cell": 4}
    assert search.best_estimator_.features_.cell == 4


def test_a_missing_plane_is_scored(fitted):
    one = TEST.copy()
    one[:, 1] = np.nan
    np.testing.assert_allclose(
        fitted.residual_map(one)[:, 0], fitted.residual_map(TEST)[:, 0], rtol=1e-5, atol=1e-5
    )


class Joined(CellMoments):
    """Both planes described together: one group."""

    def grids(self, block):
        grid = super().grids(block)
        values = np.concatenate([grid.values[:, :1], grid.values[:, 1:]], axis=-1)
        return FeatureGrid(values, grid.seen.all(axis=1, keepdims=True), grid.stride)


def test_one_group_may_describe_all_planes():
    model = clone(MODEL).set_params(features=Joined()).fit(TRAIN, groups=GROUPS)
    residual = model.residual_map(with_lesion(TEST))
    np.testing.assert_array_equal(residual[:, 0], residual[:, 1])
    lesions = model.score_samples(with_lesion(TEST))
    assert lesions.max() < model.score_samples(TEST).min()


class NoGrid(CellMoments):
    """Gives an array."""

    def grids(self, block):
        return super().grids(block).values


class TooFew(CellMoments):
    """Forgets samples."""

    def grids(self, block):
        return super().grids(block[1:])


@pytest.mark.parametrize(
    ("features", "error", "said"),
    [
        (NoGrid(), TypeError, "NoGrid.grids gives ndarray; expected a FeatureGrid"),
        (TooFew(), ValueError, "TooFew.grids describes 15 samples in 2 groups; expected 16"),
    ],
)
def test_what_does_not_fit_the_block_is_named(features, error, said):
    with pytest.raises(error, match=said):
        clone(MODEL).set_params(features=features).fit(TRAIN, groups=GROUPS)
