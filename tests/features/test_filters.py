"""Filter responses averaged over cells."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from heads import make_heads
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ctmri_detect.features import FilterBankFeatures
from ctmri_detect.imageops.filters import filter_bank

HEADS = make_heads(6, size=64)


def features(cell=4):
    return FilterBankFeatures(cell=cell).fit(HEADS)


@pytest.mark.parametrize("cell", [1, 4, 7])
def test_a_cell_holds_the_means_of_its_observed_pixels(cell):
    grid = features(cell).grids(HEADS)
    bank = filter_bank(HEADS, ~np.isnan(HEADS))
    assert grid.stride == cell
    assert grid.values.shape == (6, 2, -(-64 // cell), -(-64 // cell), 10)
    for i, j in ((5, 5), (4, 7), (1, 3)):
        here = (..., slice(cell * i, cell * (i + 1)), slice(cell * j, cell * (j + 1)))
        seen = ~np.isnan(HEADS)[here]
        total = bank[here].sum(axis=(-2, -1), where=seen[:, :, None])
        expected = total / np.maximum(seen.sum(axis=(-2, -1)), 1)[..., None]
        np.testing.assert_allclose(grid.values[:, :, i, j], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(grid.seen[:, :, i, j], seen.mean(axis=(-2, -1)) >= 0.5)


def test_a_cell_is_seen_where_half_of_it_was_observed():
    X = np.where(np.random.default_rng(0).random((4, 2, 16, 20)) > 0.5, 1, np.nan)
    grid = FilterBankFeatures().fit(X).grids(X.astype(np.float32))
    share = (~np.isnan(X)).reshape(4, 2, 4, 4, 5, 4).mean(axis=(3, 5))
    assert (share == 0.5).any()
    np.testing.assert_array_equal(grid.seen, share >= 0.5)


def test_units_of_a_plane_are_those_of_the_features():
    grid, scaled = features().grids(HEADS), features().grids(HEADS * np.float32(3))
    np.testing.assert_allclose(scaled.values, 3 * grid.values, rtol=1e-3, atol=1e-4)


def test_planes_and_samples_are_described_each_by_itself():
    changed = HEADS.copy()
    changed[:, 1] = np.nan
    grid, other = features().grids(HEADS), features().grids(changed)
    np.testing.assert_array_equal(other.values[:, 0], grid.values[:, 0])
    assert not other.seen[:, 1].any()
    np.testing.assert_allclose(features().grids(HEADS[2:3]).values[0], grid.values[2], rtol=1e-5)


def test_a_spot_answers_where_it_is():
    X = np.random.default_rng(0).normal(0.5, 0.1, (1, 2, 64, 64)).astype(np.float32)
    spotted = X.copy()
    spotted[..., 20:24, 40:44] += 3
    change = (features().grids(spotted).values - features().grids(X).values)[..., :3]
    energy = (change**2).sum(axis=(0, 1, 4))
    assert np.unravel_index(energy.argmax(), energy.shape) == (5, 10)


def test_contract():
    with pytest.raises(NotFittedError):
        clone(features()).grids(HEADS)
    with pytest.raises(ValueError, match=r"has 1 plane\(s\); expected 2, as in fit"):
        features().grids(HEADS[:, :1])
    traits = FilterBankFeatures.traits
    assert (traits.trains, traits.missing_modality) == (False, True)


def test_it_needs_no_torch():
    code = (
        "import numpy as np, sys; from ctmri_detect.features import FilterBankFeatures as F; "
        "X = np.zeros((1, 1, 16, 16), np.float32); F().fit(X).grids(X); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
