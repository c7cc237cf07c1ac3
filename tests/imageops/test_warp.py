"""Laws of the warps: constants stay, gaps stay local, there and back is where one was."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ctmri_detect.imageops.warp import resize_observed, unwarp_observed, warp_observed


def _matrix(angle: float, scale: float, size: int = 64) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, scale)
    matrix[:, 2] += (1.5, -2.25)
    return matrix


def _smooth_image(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    return np.stack([np.sin(5 * x) + y, np.cos(4 * y) * x]).astype(np.float32)


@pytest.mark.parametrize(("angle", "scale"), [(0, 1), (13, 1), (-7, 0.45), (20, 1.8)])
def test_constant_stays_constant_beside_gaps(angle, scale):
    image = np.full((64, 64), -1000.0)
    image[20:30, 25:40] = np.nan
    out = warp_observed(image, _matrix(angle, scale), (64, 64))
    observed = np.isfinite(out)
    assert observed.any()
    assert not observed.all()
    np.testing.assert_allclose(out[observed], -1000.0, rtol=1e-5)


def test_identity_changes_nothing():
    image = _smooth_image()
    image[0, 5, 5] = np.nan
    out = warp_observed(image, np.eye(2, 3), (64, 64))
    np.testing.assert_array_equal(out, image)


def test_gap_stays_local():
    image = _smooth_image()[0]
    holed = image.copy()
    holed[30, 30] = np.nan
    matrix = _matrix(10, 1.0)
    whole, out = (warp_observed(i, matrix, (64, 64)) for i in (image, holed))
    changed = np.isfinite(whole) & ~(np.isclose(whole, out, atol=1e-6))
    centre = matrix @ [30, 30, 1]
    y, x = np.nonzero(changed)
    assert np.hypot(y - centre[1], x - centre[0]).max() < 2.0
    assert (np.isfinite(whole) & np.isnan(out)).sum() <= 4


def test_values_are_not_pulled_towards_the_gap():
    image = np.full((64, 64), np.nan)
    image[16:48, 16:48] = 40.0
    out = warp_observed(image, _matrix(17, 0.7), (64, 64))
    np.testing.assert_allclose(out[np.isfinite(out)], 40.0, rtol=1e-5)


@pytest.mark.parametrize(("angle", "scale"), [(0, 1), (25, 1), (-12, 1.4), (5, 0.8)])
def test_there_and_back(angle, scale):
    image = _smooth_image()
    matrix = _matrix(angle, scale)
    back = unwarp_observed(warp_observed(image, matrix, (64, 64)), matrix, (64, 64))
    inner = np.s_[:, 20:44, 20:44]
    assert np.isfinite(back[inner]).all()
    assert np.abs(back[inner] - image[inner]).max() < 0.03
    assert np.isnan(back).any() or scale <= 1


def test_shrinking_averages_instead_of_sampling():
    noise = np.random.default_rng(0).normal(size=(128, 128))
    out = warp_observed(noise, _matrix(0, 0.25, 128), (128, 128))
    assert np.nanstd(out) < 0.5


def test_input_is_left_alone_and_may_be_read_only():
    image = _smooth_image()
    image[0, 3, 3] = np.nan
    image.setflags(write=False)
    before = image.copy()
    warp_observed(image, _matrix(5, 1), (32, 48))
    resize_observed(image, (20, 20))
    np.testing.assert_array_equal(image, before)


def test_channels_are_warped_alike_whatever_their_number():
    image = np.concatenate([_smooth_image(), _smooth_image()[:1] * 3])
    matrix = _matrix(9, 0.9)
    together = warp_observed(image, matrix, (50, 40))
    assert together.shape == (3, 50, 40)
    for channel, out in zip(image, together, strict=True):
        np.testing.assert_array_equal(warp_observed(channel, matrix, (50, 40)), out)


@pytest.mark.parametrize("shape", [(32, 32), (128, 96), (17, 100)])
def test_resize_keeps_constants_and_shape(shape):
    image = np.full((64, 64), 7.0)
    image[:10, :10] = np.nan
    out = resize_observed(image, shape)
    assert out.shape == shape
    assert out.dtype == np.float32
    assert np.isnan(out[0, 0])
    np.testing.assert_allclose(out[np.isfinite(out)], 7.0, rtol=1e-6)
