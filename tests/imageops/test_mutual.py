"""Laws of mutual information on codes."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import normalized_mutual_information as reference

from ctmri_detect.imageops.mutual import UNSEEN, normalized_mutual_information, quantize


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 16, (40, 40))
    return a, a // 2 + rng.integers(0, 4, a.shape)


def test_it_is_the_measure_of_scikit_image(images):
    a, b = images
    got = normalized_mutual_information(a.astype(np.uint8), b.astype(np.uint8))
    assert got == pytest.approx(reference(a, b, bins=16), abs=1e-9)


def test_codes_follow_the_robust_range():
    image = np.append(np.linspace(0, 1, 1000), [-1e6, 1e6, np.nan, np.inf])
    codes = quantize(image, bins=10)
    assert np.bincount(codes[:1000]).min() > 80
    assert codes[-4:].tolist() == [0, 9, UNSEEN, UNSEEN]


def test_brightness_and_contrast_do_not_count(images):
    a = images[0].astype(float)
    np.testing.assert_array_equal(quantize(3 * a - 70), quantize(a))
    np.testing.assert_array_equal(quantize(images[0]), quantize(a))


def test_a_rare_value_is_kept_beside_one_that_fills_the_image():
    image = np.zeros(1000)
    image[0] = 1
    assert quantize(image, bins=8)[:2].tolist() == [7, 0]


def test_pixels_seen_in_one_image_only_are_left_out(images):
    a, b = (quantize(i, 16) for i in images)
    part = a.copy()
    part[:, 20:] = UNSEEN
    expected = normalized_mutual_information(a[:, :20], b[:, :20])
    assert normalized_mutual_information(part, b) == pytest.approx(expected)
    assert normalized_mutual_information(b, part) == pytest.approx(expected)
    assert np.isnan(normalized_mutual_information(part, np.where(part == UNSEEN, b, UNSEEN)))


def test_constant_images_tell_nothing(images):
    a = quantize(images[0])
    flat = quantize(np.full(a.shape, 7.0))
    assert (flat == 0).all()
    for pair in ((a, flat), (flat, a), (flat, flat)):
        assert normalized_mutual_information(*pair) == 1.0
    assert normalized_mutual_information(a, a) == 2.0
    assert (quantize(np.full((3, 3), np.nan)) == UNSEEN).all()


@pytest.mark.parametrize("bins", [1, 256])
def test_bins_out_of_range_are_refused(bins):
    with pytest.raises(ValueError, match=f"bins is {bins}"):
        quantize(np.zeros(4), bins)
