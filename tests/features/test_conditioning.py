"""What other planes, similar slices and the place explain, and what remains."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator

pytest.importorskip("torch")

from ctmri_detect import Pairs
from ctmri_detect.features import FeatureConditioning, FeatureGrid
from ctmri_detect.networks.training.settings import Training

SIDE = 48
BRIEF = Training(max_epochs=15, batch_size=256, lr=5e-3)


class CellMeans(BaseEstimator):
    """Two features of each cell of 4 pixels: the mean, and the mean of the right neighbour."""

    def grids(self, block):
        """Means over observed cells."""
        n, planes, h, w = block.shape
        means = block.reshape(n, planes, h // 4, 4, w // 4, 4).mean(axis=(3, 5))
        seen = np.isfinite(means)
        values = np.stack([means, np.roll(means, 1, axis=3)], axis=-1)
        return FeatureGrid(np.nan_to_num(values), seen, 4)


def related(n, seed):
    """Pairs of which plane 1 is -2 times plane 0 and noise, with cells of one grey each."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(n, SIDE // 4, SIDE // 4)).astype(np.float32)
    other = -2 * cells + 0.1 * rng.normal(size=cells.shape).astype(np.float32)
    X = np.stack([cells, other], axis=1).repeat(4, axis=2).repeat(4, axis=3)
    X[:, :, :4] = np.nan
    return X


def conditioned(settings, X, groups=None, train=None):
    """A fitted conditioning, and what remains of X."""
    step = FeatureConditioning(training=BRIEF, random_state=0, n_cells=20_000, **settings)
    train = related(40, 1) if train is None else train
    step.fit(CellMeans(), train, groups=np.arange(len(train)) if groups is None else groups)
    return step, step.transform(CellMeans().grids(X), X)


def test_what_the_other_plane_explains_is_gone_and_what_contradicts_it_stands_out():
    X = related(8, 2)
    _, plain = conditioned({"inputs": (), "smoothing": 0}, X)
    _, rest = conditioned({"inputs": ("planes",), "smoothing": 0}, X)
    seen = rest.seen[:, 0]
    given = plain.values[:, 0][seen]
    for grid, most in ((plain, 1), (rest, 0.2)):
        b = grid.values[:, 1][seen]
        strongest = np.abs(np.corrcoef(given.T, b.T)[:2, 2:]).max()
        assert most - 0.2 < strongest < most
        assert_allclose(b.std(axis=0), 1, atol=0.3)
    odd = X.copy()
    odd[0, 1, 20:24, 20:24] *= -1  # an ordinary grey at the wrong place
    odd[0, 1, 20:24, 20:24] += 0.7
    step, _ = conditioned({"inputs": ("planes",), "smoothing": 0}, X)
    found = np.abs(step.transform(CellMeans().grids(odd), odd).values[0, 1]).max(axis=-1)
    assert np.unravel_index(found.argmax(), found.shape) in ((5, 5), (5, 6))  # or its neighbour
    assert found[5, 5] > 3 * np.abs(plain.values).max()


def test_what_similar_slices_have_is_expected_but_not_what_the_own_patient_has():
    rng = np.random.default_rng(3)
    train = related(40, 1) * 0.1
    train[:, :, 4:, :8] += rng.integers(0, 2, 40)[:, None, None, None] * 2  # two sorts of heads
    train[-4:, 0, 24:28, 24:28] += 3  # a lesion in all slices of one patient
    groups = np.r_[np.arange(36), np.full(4, 99)]
    settings = {"inputs": ("similar",), "smoothing": 0, "n_neighbors": 4}
    step, _ = conditioned(settings, train, groups, train)
    lesion = train[-1:]
    codes = np.unique(groups, return_inverse=True)[1][-1:]
    known = step.transform(CellMeans().grids(lesion), lesion, codes).values[0, 0, 6, 6]
    assert np.abs(known).max() > 5
    means = step.similar_.means(step.similar_.descriptors_[-1:], codes)[0, 0]
    others = step.similar_.values_[:36, 0, 6, 6].astype(float)
    assert means[6, 6, 0] <= others[:, 0].max() + 1e-3


def test_a_missing_plane_leaves_the_other_with_a_larger_variance_not_with_false_alarms():
    X = related(20, 2)
    alone = X.copy()
    alone[:, 1] = np.nan
    step, both = conditioned({"smoothing": 0, "n_neighbors": 5}, X)
    one = step.transform(CellMeans().grids(alone), alone)
    assert not one.seen[:, 1].any()
    assert_array_equal(one.seen[:, 0], both.seen[:, 0])
    spread = [grid.values[:, 0][grid.seen[:, 0]].std(axis=0).max() for grid in (both, one)]
    assert_allclose(spread, 1, atol=0.5)


def test_the_company_of_a_sample_changes_nothing():
    X = related(5, 2)
    step, whole = conditioned({"n_neighbors": 5}, X)
    for rows in (slice(2, 3), [4, 2, 0]):
        part = step.transform(CellMeans().grids(X[rows]), X[rows])
        assert_allclose(part.values, whole.values[rows], atol=1e-6)


def test_smoothing_joins_neighbouring_cells_that_were_seen():
    X = related(5, 2)
    _, rough = conditioned({"inputs": (), "smoothing": 0}, X)
    _, smooth = conditioned({"inputs": (), "smoothing": 1.5}, X)
    seen = rough.seen[:, 0]
    assert smooth.values[:, 0][seen].std() < 0.5 * rough.values[:, 0][seen].std()
    assert (smooth.values[~smooth.seen] == 0).all()


def test_no_more_than_512_slices_are_kept():
    X = np.zeros((600, 1, 8, 8), np.float32)
    X += np.random.default_rng(0).normal(size=X.shape)
    step = FeatureConditioning(training=Training(max_epochs=1), n_cells=500, random_state=0)
    step.fit(CellMeans(), X, groups=np.arange(600))
    assert len(step.similar_.values_) == len(step.similar_.descriptors_) == 512


def test_patients_come_with_pairs():
    X, groups = make_heads(12, seed=1, size=32), np.repeat(np.arange(4), 3)
    settings = {"training": Training(max_epochs=1), "n_cells": 500, "random_state": 0}
    named = FeatureConditioning(**settings).fit(CellMeans(), Pairs(X, groups=groups))
    given = FeatureConditioning(**settings).fit(CellMeans(), X, groups=groups)
    assert_array_equal(named.similar_.groups_, given.similar_.groups_)
    grid = CellMeans().grids(X[:2])
    assert_array_equal(named.transform(grid, X[:2]).values, given.transform(grid, X[:2]).values)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"inputs": ("mirror",)}, "inputs is .*; expected a sequence of 'planes'"),
        ({"n_neighbors": 0}, "n_neighbors is 0"),
        ({"smoothing": -1}, "smoothing is -1"),
        ({"training": 3}, "training is 3"),
    ],
)
def test_bad_parameters_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        FeatureConditioning(**bad).fit(CellMeans(), related(4, 0))
