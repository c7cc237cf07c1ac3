"""Laws of the filter bank: it looks at what was observed, and at nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from threadpoolctl import threadpool_limits

from ctmri_detect.imageops.filters import (
    N_FILTERS,
    N_GEOMETRY,
    SIGMAS,
    filter_bank,
    geometry,
    mask_shares,
)

PLANE = make_heads(1, size=40)[0, 0]
SEEN = ~np.isnan(PLANE)
WHOLE = make_heads(1, size=40, mask=False)[0, 0]
ALL = np.ones(WHOLE.shape, bool)
MEANS = [0, 1, 2, 3, 4, 8, 9]  # the plane, its Gaussians, minimum and maximum
SLOPES = [5, 6, 7]  # gradient and Laplacians
LINEAR = [0, 1, 2, 3, 4, 6, 7]
SIDES = [(128, 128), (160, 192), (32, 32), (16, 16), (33, 47), (7, 90), (1, 1)]


def noise(*shape):
    """Planes and masks of noise."""
    rng = np.random.default_rng(0)
    return rng.normal(size=shape).astype(np.float32), rng.random(shape) > 0.3


def moved(array, by):
    """The same array, elsewhere in memory by some elements."""
    copy = np.empty(array.size + 16, array.dtype)[by : by + array.size].reshape(array.shape)
    copy[...] = array
    return copy


def bits(array):
    return array.view(np.uint32)


def test_the_shape_is_as_announced():
    assert filter_bank(PLANE, SEEN).shape == (N_FILTERS, 40, 40)
    assert geometry(SEEN).shape == (N_GEOMETRY, 40, 40)
    assert filter_bank(PLANE, SEEN).dtype == geometry(SEEN).dtype == np.float32
    assert sorted(MEANS + SLOPES) == list(range(N_FILTERS))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 0.0])
def test_what_was_not_observed_is_not_looked_at(value):
    other = PLANE.copy()
    other[~SEEN] = value
    bank = filter_bank(other, SEEN)
    assert np.isfinite(bank).all()
    assert_array_equal(bank, filter_bank(PLANE, SEEN))
    assert (bank[:, ~SEEN] == 0).all()


@pytest.mark.parametrize("seen", [np.eye(40, dtype=bool), ndimage.binary_erosion(SEEN)], ids=len)
def test_it_is_finite_in_any_mask(seen):
    assert np.isfinite(filter_bank(np.where(seen, WHOLE, np.nan), seen)).all()
    lonely = np.zeros((40, 40), bool)
    lonely[3, 5] = True
    bank = filter_bank(np.where(lonely, WHOLE, np.nan), lonely)
    assert np.isfinite(bank).all()
    assert_allclose(bank[MEANS, 3, 5], WHOLE[3, 5], rtol=1e-4)


def test_each_filter_is_what_its_name_says():
    bank = filter_bank(WHOLE, ALL)
    assert_array_equal(bank[0], WHOLE)
    for k, sigma in enumerate(SIGMAS, 1):
        expected = cv2.GaussianBlur(WHOLE, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        assert_allclose(bank[k], expected, rtol=1e-4)
    assert_array_equal(bank[8], ndimage.minimum_filter(WHOLE, 7))
    assert_array_equal(bank[9], ndimage.maximum_filter(WHOLE, 7))
    inside = (slice(5, -5), slice(5, -5))
    dy, dx = (ndimage.gaussian_filter(WHOLE, SIGMAS[0], order=o) for o in ((1, 0), (0, 1)))
    assert_allclose(bank[5], np.hypot(dy, dx), rtol=1e-3, atol=1e-5)
    for k, sigma in ((6, 1.5), (7, 3.0)):
        blurred = cv2.GaussianBlur(WHOLE, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        expected = sigma**2 * ndimage.laplace(blurred)
        assert_allclose(bank[k][inside], expected[inside], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("plane", "seen"), [(WHOLE, ALL), (PLANE, SEEN)], ids=["whole", "masked"])
def test_brightness_moves_the_means_and_contrast_scales_all(plane, seen):
    bank = filter_bank(plane, seen)[:, seen]
    brighter = filter_bank(plane + np.float32(5), seen)[:, seen]
    assert_allclose(brighter[MEANS], bank[MEANS] + 5, rtol=1e-4)
    assert_allclose(brighter[SLOPES], bank[SLOPES], atol=1e-3)
    assert_allclose(filter_bank(3 * plane, seen)[:, seen], 3 * bank, rtol=1e-3, atol=1e-4)


def test_the_edge_of_the_mask_is_no_edge_of_the_image():
    flat = np.where(SEEN, np.float32(4), np.float32(np.nan))
    bank = filter_bank(flat, SEEN)[:, SEEN]
    assert_allclose(bank[MEANS], 4, rtol=1e-4)
    assert_allclose(bank[SLOPES], 0, atol=1e-3)


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.transpose, np.rot90])
def test_the_filters_know_no_direction(turn):
    turned = filter_bank(np.ascontiguousarray(turn(PLANE)), np.ascontiguousarray(turn(SEEN)))
    expected = np.stack([turn(f) for f in filter_bank(PLANE, SEEN)])
    assert_allclose(turned, expected, atol=1e-5)


def test_the_gradient_is_in_intensities_a_pixel():
    ramp = np.tile(np.arange(40, dtype=np.float32), (40, 1))
    assert_allclose(filter_bank(3 * ramp, ALL)[5, 5:-5, 5:-5], 3, rtol=0.01)


def test_the_laplacian_is_in_intensities_and_has_a_sign():
    bowl = np.tile(np.arange(60, dtype=np.float32) ** 2 / 200, (60, 1))
    laplace = filter_bank(bowl, np.ones(bowl.shape, bool))[6:8, 15:-15, 15:-15]
    assert_allclose(laplace[0], 1.5**2 / 100, rtol=1e-3)
    assert_allclose(laplace[1], 3.0**2 / 100, rtol=1e-3)


@pytest.mark.parametrize("side", SIDES, ids=str)
def test_a_constant_image_has_means_and_no_slopes(side):
    bank = filter_bank(np.full(side, 4, np.float32), np.ones(side, bool))
    assert_allclose(bank[MEANS], 4, rtol=1e-5)
    assert_allclose(bank[SLOPES], 0, atol=1e-4)


@pytest.mark.parametrize("seen", [ALL, SEEN], ids=["whole", "masked"])
def test_the_linear_filters_add(seen):
    (one, other), _ = noise(2, 40, 40)
    banks = filter_bank(np.stack([one, other, 2 * one - other]), np.stack([seen] * 3))
    assert_allclose(banks[2][LINEAR], 2 * banks[0][LINEAR] - banks[1][LINEAR], atol=1e-4)


@pytest.mark.parametrize("place", [(70, 64), (0, 0), (3, 127), (31, 32)])
def test_an_impulse_is_spread_and_none_of_it_lost(place):
    impulse = np.zeros((128, 128), np.float32)
    impulse[place] = 1
    bank = filter_bank(impulse, np.ones(impulse.shape, bool))
    assert_allclose(bank[1:5].sum(axis=(1, 2)), 1, rtol=1e-5)
    assert (bank[1:5] >= 0).all()


@pytest.mark.parametrize("side", SIDES, ids=str)
def test_the_cut_into_blocks_leaves_no_seam(side):
    plane, _ = noise(*side)
    bank = filter_bank(plane, np.ones(side, bool))
    for k, sigma in enumerate(SIGMAS, 1):
        assert_allclose(bank[k], ndimage.gaussian_filter(plane, sigma), atol=1e-5)
    for k, sigma in ((6, 1.5), (7, 3.0)):
        smooth = ndimage.gaussian_filter(plane.astype(np.float64), sigma)
        expected = sigma**2 * ndimage.laplace(smooth, mode="mirror")
        assert_allclose(bank[k], expected, atol=1e-5)


@pytest.mark.parametrize("side", SIDES, ids=str)
@pytest.mark.parametrize("axis", [-1, -2])
def test_a_mirrored_image_has_the_mirrored_bank(side, axis):
    plane, seen = noise(*side)
    mirrored = filter_bank(np.flip(plane, axis), np.flip(seen, axis))
    assert_allclose(mirrored, np.flip(filter_bank(plane, seen), axis), atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("side", [*SIDES, (256, 256), (600, 30)], ids=str)
def test_a_bank_does_not_depend_on_other_planes_place_or_threads(side, threads):
    planes, seen = noise(3, *side)
    with threadpool_limits(1):
        expected = filter_bank(planes, seen)
    with threadpool_limits(threads):
        assert_array_equal(bits(filter_bank(planes[::-1], seen[::-1])), bits(expected[::-1]))
        for plane, mask, bank in zip(planes, seen, expected, strict=True):
            for by in (0, 1, 2, 5):
                assert_array_equal(bits(filter_bank(moved(plane, by), moved(mask, by))), bits(bank))
            columns_first = filter_bank(np.asfortranarray(plane), np.asfortranarray(mask))
            assert_array_equal(bits(columns_first), bits(bank))


def test_leading_axes_are_kept():
    planes, seen = noise(2, 3, 20, 24)
    bank, place = filter_bank(planes, seen), geometry(seen)
    assert bank.shape == (2, 3, N_FILTERS, 20, 24)
    assert place.shape == (2, 3, N_GEOMETRY, 20, 24)
    assert_array_equal(bank[1, 2], filter_bank(planes[1, 2], seen[1, 2]))
    assert_array_equal(place[1, 2], geometry(seen[1, 2]))
    assert filter_bank(planes[0, :0], seen[0, :0]).shape == (0, N_FILTERS, 20, 24)


def test_planes_may_have_the_shares_of_their_mask_in_common():
    planes, seen = noise(3, 40, 40)
    seen[:] = seen[0]
    shares = mask_shares(seen[0])
    assert shares.shape == (len(SIGMAS), 40, 40)
    assert_array_equal(filter_bank(planes, seen, shares), filter_bank(planes, seen))


def test_the_input_is_left_as_it_was():
    planes, seen = noise(2, 20, 20)
    planes.flags.writeable = seen.flags.writeable = False
    before, shares = planes.copy(), mask_shares(seen)
    shares.flags.writeable = False
    filter_bank(planes, seen, shares)
    geometry(seen)
    assert_array_equal(planes, before)


def test_the_scales_are_in_order():
    bank = filter_bank(PLANE, SEEN)[:, SEEN]
    spread = bank[:5].std(axis=1)
    assert (np.diff(spread) < 0).all()
    assert (bank[8] <= bank[0]).all()
    assert (bank[0] <= bank[9]).all()


def test_geometry_is_place_in_shares_of_the_image():
    edge, y, x, area = geometry(SEEN)
    expected = ndimage.distance_transform_edt(np.pad(SEEN, 1))[1:-1, 1:-1] / 40
    assert_allclose(edge, expected, rtol=0.1, atol=0.01)  # OpenCV's 3 x 3 mask is approximate
    assert (edge[~SEEN] == 0).all()
    assert (edge[SEEN] > 0).all()
    assert_allclose(area, SEEN.mean())
    assert_allclose(y[:, 0], (np.arange(40) - 19.5) / 40)
    assert_allclose(x[0], np.abs(np.arange(40) - 19.5) / 40)


def test_geometry_is_the_same_on_both_sides_and_not_above_and_below():
    edge, y, x, area = geometry(SEEN)
    mirrored = geometry(np.ascontiguousarray(SEEN[:, ::-1]))
    assert_allclose(mirrored, np.stack([edge, y, x, area])[..., ::-1], atol=1e-6)
    assert_allclose(y[::-1], -y, atol=1e-7)
    assert_allclose(x[:, ::-1], x, atol=1e-7)


def test_the_image_border_is_an_edge_of_the_brain():
    edge = geometry(np.ones((21, 31), bool))[0]
    assert edge[0, 15] == pytest.approx(1 / 31, rel=0.1)
    assert edge[10, 15] == edge.max()
