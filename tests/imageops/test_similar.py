"""Laws of the small pictures by which similar slices are found."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect.imageops.similar import GRID, MASK_WEIGHT, slice_descriptors, squared_distances

X = make_heads(8, size=48)
D = slice_descriptors(X)
ONE = np.ones(2)


def test_area_is_averaged_and_the_mask_counts_half():
    whole = np.nan_to_num(X).reshape(8, 2, GRID, 2, GRID, 2).mean(axis=(3, 5))
    seen = (~np.isnan(X)).reshape(8, 2, GRID, 2, GRID, 2).mean(axis=(3, 5))
    assert D.shape == (8, 2, 2, GRID, GRID)
    assert_allclose(D[:, :, 0], whole, atol=1e-6)
    assert_allclose(D[:, :, 1], MASK_WEIGHT * seen, atol=1e-6)


@pytest.mark.parametrize("size", [8, 24, 33, 200])
def test_the_descriptor_has_one_size_whatever_the_image(size):
    pair = np.full((1, 2, size, size), 3.0, np.float32)
    d = slice_descriptors(pair)
    assert d.shape == (1, 2, 2, GRID, GRID)
    assert_allclose(d[:, :, 0], 3, rtol=1e-6)
    assert_allclose(d[:, :, 1], MASK_WEIGHT, rtol=1e-6)


def test_each_slice_is_described_by_itself():
    order = np.random.default_rng(0).permutation(8)
    assert_array_equal(slice_descriptors(X[order]), D[order])
    assert_array_equal(slice_descriptors(X[3:4]), D[3:4])


def test_a_missing_plane_is_all_zero():
    half = X.copy()
    half[2, 1] = np.nan
    d = slice_descriptors(half)
    assert (d[2, 1] == 0).all()
    assert_array_equal(np.delete(d, 2, axis=0), np.delete(D, 2, axis=0))
    assert_array_equal(d[2, 0], D[2, 0])


def test_distances_are_those_of_the_scaled_pictures():
    scale = np.array([0.3, 2.0])
    unit = np.stack([scale, np.ones(2)], axis=1)[None, :, :, None, None]
    a, b = D[:3] / unit, D / unit
    expected = ((a[:, None] - b[None]) ** 2).sum(axis=(2, 3, 4, 5))
    assert_allclose(squared_distances(D[:3], D, scale), expected, rtol=1e-6, atol=1e-8)


def test_distances_are_a_symmetric_measure():
    distance = squared_distances(D, D, ONE)
    assert (distance >= 0).all()
    assert_allclose(np.diag(distance), 0, atol=1e-9)
    assert_allclose(distance, distance.T, atol=1e-9)
    assert_array_equal(distance.argmin(axis=1), np.arange(8))


def test_only_the_planes_that_a_slice_has_are_compared():
    half = D.copy()
    half[:, 1] = 0
    ct_only = squared_distances(half, D, ONE)
    other = D.copy()
    other[:, 1] = 99
    assert_array_equal(squared_distances(half, other, ONE), ct_only)
    assert_array_equal(ct_only.argmin(axis=1), np.arange(8))
    assert (squared_distances(D, D, ONE) > ct_only - 1e-9).all()


def test_a_slice_that_lacks_a_plane_is_not_similar_to_one_that_has_both():
    bank = np.concatenate([D[1:], D[:1]])
    bank[-1, 1] = 0  # the very slice, but without MRI
    distance = squared_distances(D[:1], bank, D[:, :, 0].std(axis=(0, 2, 3)))
    assert distance[0, -1] > np.median(distance)
