"""Laws of smoothing over what was observed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter

from ctmri_detect.imageops.smooth import masked_gaussian

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 3, 17, 21)).astype(np.float32)
HOLES = IMAGES.copy()
HOLES[RNG.random(IMAGES.shape) < 0.3] = np.nan
HOLES[0, 0, :9] = np.nan
HOLES[1, 2] = np.nan


@pytest.mark.parametrize("sigma", [0.5, 1.4, 6.0])
def test_without_holes_it_is_the_gaussian_of_scipy(sigma):
    expected = gaussian_filter(IMAGES.astype(np.float64), (0, 0, sigma, sigma), mode="reflect")
    assert_allclose(masked_gaussian(IMAGES, sigma), expected, atol=2e-6)


@pytest.mark.parametrize("sigma", [0.5, 1.4, 6.0])
def test_a_constant_stays_what_it_is_up_to_the_edge_of_the_mask(sigma):
    constant = np.where(np.isnan(HOLES), np.float32(np.nan), np.float32(-7.5))
    assert_allclose(masked_gaussian(constant, sigma), constant, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.0, 0.5, 3.0])
def test_nan_stays_where_it_is(sigma):
    out = masked_gaussian(HOLES, sigma)
    assert out.dtype == np.float32
    assert_array_equal(np.isnan(out), np.isnan(HOLES))


def test_it_is_linear_and_a_mean():
    other = np.where(np.isnan(HOLES), np.nan, RNG.normal(size=HOLES.shape)).astype(np.float32)
    together = masked_gaussian(2 * HOLES - 3 * other, 1.4)
    apart = 2 * masked_gaussian(HOLES, 1.4) - 3 * masked_gaussian(other, 1.4)
    assert_allclose(together, apart, atol=1e-4)
    assert np.nanmax(masked_gaussian(HOLES, 1.4)) < np.nanmax(HOLES)
    assert np.nanmin(masked_gaussian(HOLES, 1.4)) > np.nanmin(HOLES)


def test_a_value_beyond_a_wide_gap_does_not_matter():
    plane = np.ones((1, 9, 60), np.float32)
    plane[..., 20:45] = np.nan
    far = plane.copy()
    far[..., 45:] = 1000
    assert_array_equal(masked_gaussian(far, 1.4)[..., :20], masked_gaussian(plane, 1.4)[..., :20])


def test_more_smoothing_leaves_less_variation():
    spread = [np.nanstd(masked_gaussian(HOLES, sigma)) for sigma in (0, 0.5, 1.0, 2.0, 4.0)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.5 * spread[0]


def test_each_plane_is_smoothed_by_itself():
    out = masked_gaussian(HOLES, 2.0)
    assert_array_equal(masked_gaussian(HOLES[1, 1], 2.0), out[1, 1])
    assert_array_equal(masked_gaussian(HOLES[::-1], 2.0), out[::-1])


def test_nothing_is_smoothed_in_place():
    before = HOLES.copy()
    copy = masked_gaussian(before, 0.0)
    assert_array_equal(copy, HOLES)
    copy[...] = 0
    masked_gaussian(before, 2.0)
    assert_array_equal(before, HOLES)


@pytest.mark.parametrize("order", ["F", "planes last"])
def test_the_memory_order_does_not_matter(order):
    if order == "F":
        same = np.asfortranarray(HOLES)
    else:
        same = np.moveaxis(np.ascontiguousarray(np.moveaxis(HOLES, 1, -1)), -1, 1)
    assert_array_equal(masked_gaussian(same, 1.4), masked_gaussian(HOLES, 1.4))


@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.0, 30.0])
def test_a_mask_that_planes_share_is_that_of_each(sigma):
    shared = ~np.isnan(HOLES[:, :1])
    expected = masked_gaussian(np.where(shared, IMAGES, np.float32(np.nan)), sigma)
    assert_array_equal(masked_gaussian(IMAGES, sigma, shared), expected)
