"""Resizing, cutting and padding."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage.transform import downscale_local_mean

from ctmri_detect.preprocessing import CropOrPad, Resize


@pytest.fixture
def X():
    X = np.random.default_rng(0).normal(size=(3, 2, 24, 36)).astype(np.float32)
    X[:, :, :4] = np.nan
    return X


def test_shrinking_is_the_mean_over_the_area(X):
    X = np.nan_to_num(X)
    out = Resize((8, 12)).transform(X)
    np.testing.assert_allclose(out, downscale_local_mean(X, (1, 1, 3, 3)), atol=1e-5)


def test_the_same_size_changes_nothing(X):
    assert_array_equal(Resize((24, 36)).transform(X), X)
    assert_array_equal(CropOrPad((24, 36)).transform(X), X)
    assert Resize(16).transform(X).shape == (3, 2, 16, 16)


def test_a_constant_stays_constant_beside_gaps(X):
    X[np.isfinite(X)] = 7
    for size in (10, (50, 90), (30, 20)):
        out = Resize(size).transform(X)
        np.testing.assert_allclose(out[np.isfinite(out)], 7, rtol=1e-6)
        assert np.isnan(out).mean() == pytest.approx(4 / 24, abs=0.06)


@pytest.mark.parametrize("size", [(30, 40), (31, 41), (10, 12), (11, 50), 5])
def test_cut_and_padded_in_the_middle_and_back(size, X):
    step = CropOrPad(size)
    out = step.transform(X)
    back = step.inverse_transform_map(out, X)
    seen = np.isfinite(back)
    assert_array_equal(back[seen], X[seen])
    height, width = np.broadcast_to(size, 2)
    assert out.shape == (3, 2, height, width)
    rows, columns = min(height, 24), min(width, 36)
    top, left = (24 - rows) / 2, (36 - columns) / 2
    inside = np.isfinite(step.inverse_transform_map(np.ones((3, height, width)), X))[0]
    assert inside.sum() == rows * columns
    where = np.argwhere(inside).min(axis=0)
    assert np.abs(where - (top, left)).max() <= 0.5


def test_around_what_was_observed():
    X = np.full((2, 2, 40, 30), np.nan)
    X[0, 0, 4:14, 2:8] = 1
    X[0, 1, 6:16, 2:10] = 2
    X[1, :, 30:40, 25:30] = 3
    step = CropOrPad((12, 8), centre="observed")
    out = step.transform(X)
    assert_array_equal(out[0], X[0, :, 4:16, 2:10])
    assert np.isfinite(out[1, 0]).sum() == 50
    rows, columns = np.nonzero(np.isfinite(out[1, 0]))
    assert abs(rows.min() - (11 - rows.max())) <= 1
    assert abs(columns.min() - (7 - columns.max())) <= 1
    assert_array_equal(step.inverse_transform_map(out, X), X.astype(np.float32))


def test_a_sample_cut_to_nothing_comes_back_empty():
    X = np.full((1, 2, 40, 40), np.nan)
    X[0, :, 0, 0] = 1
    assert np.isnan(CropOrPad(10).transform(X)).all()
