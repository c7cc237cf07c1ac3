"""Laws of the contrast with the mirrored side."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ctmri_detect.imageops.symmetry import mirror_contrast

RNG = np.random.default_rng(0)
IMAGES = ndimage.gaussian_filter(RNG.normal(size=(2, 2, 24, 30)), (0, 0, 1, 1)).astype(np.float32)
EVEN = IMAGES + IMAGES[..., ::-1]
TOLERANCES = [0, 1, 2, 4]


def with_holes():
    holes = IMAGES.copy()
    holes[:, :, :4] = np.nan
    holes[0, 1, 8:14, 3:9] = np.nan
    return holes


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_it_is_what_the_docstring_says(tolerance):
    size = 2 * tolerance + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(bool)
    for plane in IMAGES.reshape(-1, 24, 30):
        mirror = plane[:, ::-1]
        most = ndimage.maximum_filter(mirror, footprint=disc, mode="constant", cval=-np.inf)
        least = ndimage.minimum_filter(mirror, footprint=disc, mode="constant", cval=np.inf)
        expected = np.maximum(plane - most, 0) - np.maximum(least - plane, 0)
        assert_allclose(mirror_contrast(plane, tolerance), expected, atol=1e-6)
        assert np.abs(expected).max() > 0


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_symmetric_image_has_none(tolerance):
    assert (mirror_contrast(EVEN, tolerance) == 0).all()


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("holes", [False, True])
def test_brightness_common_to_both_sides_does_not_matter(tolerance, holes):
    images = with_holes() if holes else IMAGES
    plain = mirror_contrast(images, tolerance)
    assert_allclose(mirror_contrast(images + 5, tolerance), plain, atol=1e-5)
    assert_allclose(mirror_contrast(images - 5, tolerance), plain, atol=1e-5)
    assert_allclose(mirror_contrast(3 * images, tolerance), 3 * plain, atol=1e-5)
    assert_array_equal(mirror_contrast(-images, tolerance), -plain)
    assert_array_equal(mirror_contrast(images[..., ::-1, :], tolerance), plain[..., ::-1, :])


def test_without_tolerance_it_is_the_difference_to_the_mirror_image():
    assert_allclose(mirror_contrast(IMAGES, 0), IMAGES - IMAGES[..., ::-1], atol=1e-6)
    both = mirror_contrast(IMAGES, 0)
    assert_array_equal(mirror_contrast(IMAGES[..., ::-1], 0), both[..., ::-1])
    assert_array_equal(both[..., ::-1], -both)


@pytest.mark.parametrize(("dy", "dx"), [(0, 1), (0, 2), (-2, 0), (1, -1)])
def test_a_shift_within_the_tolerance_counts_as_none(dy, dx):
    lopsided = np.zeros((20, 30), np.float32)
    lopsided[8:12, 5:9] = 1
    lopsided[8 + dy : 12 + dy, 21 + dx : 25 + dx] = 1  # mirror image of columns 5 to 8: 21 to 24
    assert (mirror_contrast(lopsided, 2) == 0).all()
    assert (mirror_contrast(lopsided, 0) != 0).any()


def test_a_larger_tolerance_never_adds_and_keeps_the_sign():
    contrasts = [mirror_contrast(IMAGES, t) for t in TOLERANCES]
    for less, more in pairwise(contrasts):
        assert (np.abs(more) <= np.abs(less)).all()
        assert (more * less >= 0).all()
    assert np.abs(contrasts[-1]).sum() < 0.6 * np.abs(contrasts[0]).sum()


@pytest.mark.parametrize("amount", [1, -1])
def test_a_lesion_has_its_sign_and_the_other_side_the_opposite(amount):
    image = EVEN.copy()
    image[..., 8:14, 4:10] += 100 * amount
    contrast = amount * mirror_contrast(image, 1)
    assert (contrast[..., 8:14, 4:10] > 90).all()
    assert (contrast[..., 9:13, 21:25] < -90).all()  # eroded by the tolerance
    elsewhere = contrast.copy()
    elsewhere[..., 8:14, 4:10] = elsewhere[..., 8:14, 20:26] = 0
    assert (elsewhere == 0).all()


def test_only_what_was_observed_on_both_sides_is_compared():
    holes = with_holes()
    contrast = mirror_contrast(holes, 2)
    assert_array_equal(np.isnan(contrast), np.isnan(holes))
    one_sided = np.isnan(holes[..., ::-1]) & ~np.isnan(holes)
    assert one_sided.any()
    assert (contrast[one_sided] == 0).all()
    # and a pixel that was not observed is no neighbour: neither infinitely bright nor dark
    assert np.nanmax(np.abs(contrast)) < 2 * np.nanmax(np.abs(holes))
    bright = holes[..., 10:, 12:18]
    assert_array_equal(np.isfinite(mirror_contrast(bright, 2)), ~np.isnan(bright))


def test_the_input_is_left_alone():
    before = with_holes()
    mirror_contrast(before, 2)
    assert_array_equal(before, with_holes())


@pytest.mark.parametrize("order", ["F", "planes last"])
def test_the_memory_order_does_not_matter(order):
    if order == "F":
        same = np.asfortranarray(IMAGES)
    else:
        same = np.moveaxis(np.ascontiguousarray(np.moveaxis(IMAGES, 1, -1)), -1, 1)
    assert_array_equal(mirror_contrast(same, 1), mirror_contrast(IMAGES, 1))
