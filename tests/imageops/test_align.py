"""Laws of the registration to the prediction: known motions come back, and nothing else moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ctmri_detect.imageops.align import align_to_prediction
from ctmri_detect.imageops.warp import resize_observed, warp_observed

NOISE = 0.15  # of the image, whose tissue has standard deviation 1
STILL = (0.0, 0.0, 0.0)


def matrix_of(dy, dx, angle, shape):
    """Rotation about the centre, then shift, by OpenCV's own convention of the sign."""
    matrix = cv2.getRotationMatrix2D(((shape[1] - 1) / 2, (shape[0] - 1) / 2), angle, 1)
    matrix[:, 2] += (dx, dy)
    return matrix


def misplaced(image, motion):
    """The image such that `motion` lays it back."""
    return warp_observed(
        image, cv2.invertAffineTransform(matrix_of(*motion, image.shape)), image.shape
    )


def scene(motion=STILL, seed=0, shape=(128, 128), noise=NOISE, grain=3):
    """Image, its prediction, variance, seen: a round head of smooth random tissue."""
    rng = np.random.default_rng(seed)
    tissue = gaussian_filter(rng.normal(size=shape), grain)
    tissue /= tissue.std()
    mri = np.tanh(tissue) + 0.5 * tissue  # what a predictor would make of the CT
    y, x = np.indices(shape) / np.reshape(shape, (2, 1, 1)) - 0.5
    head = np.hypot(x, y * 0.9) < 0.42
    noisy = np.where(head, mri + noise * rng.normal(size=shape), np.nan).astype(np.float32)
    mean = np.where(head, mri, np.nan).astype(np.float32)
    return misplaced(noisy, motion), mean, np.full(shape, NOISE**2, np.float32), head


def found(*planes, tolerance=4.0, **kwargs):
    motion = align_to_prediction(*planes, tolerance=tolerance, **kwargs)
    return np.array([motion.dy, motion.dx, motion.angle])


MOTIONS = [
    (1, 0, 0),
    (0, -0.8, 0),
    (4, -4, 0),
    (-2.5, 3.3, 1),
    (0, 0, -1),
    (0, 0, 3),
    (3, 2, -3),
    (-4, 4, 3),
]


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_known_motions_come_back(motion, seed):
    planes = scene(motion, seed)
    result = align_to_prediction(*planes, tolerance=4)
    np.testing.assert_allclose([result.dy, result.dx, result.angle], motion, atol=0.3)
    np.testing.assert_allclose(result.matrix, matrix_of(*found(*planes), (128, 128)), atol=1e-9)
    assert 0.03 <= result.gain < 1


@pytest.mark.parametrize("seed", range(4))
def test_shifts_far_beyond_the_grain_come_back(seed):
    for motion in ((10, -9, 0), (-10, 2, 1)):
        planes = scene(motion, seed, grain=2)
        np.testing.assert_allclose(found(*planes, tolerance=10), motion, atol=0.3)


def test_a_tenth_of_a_pixel():
    for seed in range(4):
        planes = scene((2.7, -1.6, 1.3), seed)
        np.testing.assert_allclose(found(*planes), (2.7, -1.6, 1.3), atol=0.1)


@pytest.mark.parametrize("shape", [(128, 96), (97, 131), (64, 64), (256, 200)])
def test_any_shape(shape):
    planes = scene((2, -3, 2), 1, shape)
    np.testing.assert_allclose(found(*planes), (2, -3, 2), atol=0.3)


def test_moving_the_image_lays_it_on_its_prediction():
    image, mean, *rest = scene((3, -2, 2), noise=0)
    motion = align_to_prediction(image, mean, *rest, tolerance=4)
    moved = warp_observed(image, motion.matrix, image.shape)
    both = np.isfinite(moved) & np.isfinite(mean)
    assert both.sum() > 0.9 * np.isfinite(mean).sum()
    assert np.abs(moved - mean)[both].mean() < 0.1 * np.nanstd(mean)
    assert np.isnan(moved[0]).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise", [0, NOISE, 1.0])
def test_what_lies_right_stays(seed, noise):
    image, *rest = scene(seed=seed, noise=noise)
    motion = align_to_prediction(image, *rest, tolerance=4)
    assert (motion.dy, motion.dx, motion.angle, motion.gain) == (0, 0, 0, 0)
    np.testing.assert_array_equal(motion.matrix, np.eye(2, 3))


@pytest.mark.parametrize("seed", range(8))
def test_interpolation_is_no_gain(seed):
    """Laid half a pixel off by itself, the image would be smoother: that must not pay."""
    motion = align_to_prediction(*scene(seed=seed, noise=0.5), tolerance=4, min_gain=-1)
    assert abs(motion.gain) < 0.01


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_prediction_hides_no_gain(seed):
    """Left where it is, the prediction must not be the smoother one for having been warped."""
    image, mean, variance, seen = scene((0.7, 0.7, 0), seed, grain=6, noise=0.02)
    mean = mean + np.random.default_rng(seed).normal(scale=0.3, size=mean.shape)
    motion = align_to_prediction(image, mean, variance, seen, tolerance=4, min_gain=-1)
    assert motion.gain > 0.03


@pytest.mark.parametrize("motion", [STILL, (2, -3, 0), (-3, 1, 2)])
@pytest.mark.parametrize("height", [-4, 4, 100])
def test_a_large_lesion_does_not_steer(motion, height):
    for seed in range(4):
        clean, *rest = scene(seed=seed)
        y, x = np.indices(clean.shape)
        lesion = np.hypot(y - 60, x - 80) < np.sqrt(0.1 * rest[2].sum() / np.pi)
        lesion &= rest[2]
        assert 0.09 < lesion.sum() / rest[2].sum() < 0.11
        image = misplaced(clean + height * lesion.astype(np.float32), motion)
        np.testing.assert_allclose(found(image, *rest), motion, atol=0.5)


def test_units_do_not_matter():
    image, *rest = scene((2, 1, -2))
    expected = found(image, *rest)
    for gain, offset in ((1000, 0), (0.002, 0), (3, -200), (0.5, 40)):
        np.testing.assert_allclose(found(gain * image + offset, *rest), expected, atol=0.02)
    mean, variance, seen = rest
    np.testing.assert_allclose(found(image, mean, 1e4 * variance, seen), expected, atol=1e-3)
    np.testing.assert_array_equal(found(image.astype(float), *rest), expected)


def test_a_negative_of_the_prediction_is_left_alone():
    image, *rest = scene((2, 1, 0))
    np.testing.assert_array_equal(found(-image, *rest), STILL)


def test_pixels_of_large_variance_count_little():
    image, mean, variance, seen = scene((2, -1, 0))
    wrong = np.zeros(seen.shape, bool)
    wrong[:, :64] = True
    image[:, :66] = scene((-3, 3, 0))[0][:, :66]  # most of the left half says something else
    np.testing.assert_allclose(
        found(image, mean, np.where(wrong, 100 * variance, variance), seen), (2, -1, 0), atol=0.3
    )


def test_gaps_of_the_image_and_what_is_not_seen_take_no_part():
    image, mean, variance, seen = scene((-2, 3, 1))
    image[:40] = np.nan
    image[70:75, 30:60] = np.inf
    seen = seen.copy()
    seen[100:] = False
    mean = np.where(seen, mean, 1e6).astype(np.float32)
    variance[50, 50], variance[51, 51], mean[60, 60] = 0, np.nan, np.inf
    before = [plane.copy() for plane in (image, mean, variance, seen)]
    np.testing.assert_allclose(found(image, mean, variance, seen), (-2, 3, 1), atol=0.3)
    for plane, old in zip((image, mean, variance, seen), before, strict=True):
        np.testing.assert_array_equal(plane, old)


def test_nothing_to_go_by_is_the_identity():
    image, mean, variance, seen = scene((2, 2, 0))
    tiny = np.where(np.indices(seen.shape)[0] < 12, image, np.nan)
    nothing = np.full_like(image, np.nan)
    cases = [
        (np.where(seen, 7, np.nan), mean, variance, seen),
        (nothing, mean, variance, seen),
        (tiny, mean, variance, seen),
        (image, np.full_like(mean, 3), variance, seen),
        (image, mean, nothing, seen),
        (image, mean, variance, np.zeros_like(seen)),
        (image[:1], mean[:1], variance[:1], seen[:1]),
    ]
    for planes in cases:
        np.testing.assert_array_equal(found(*planes), STILL)
    np.testing.assert_array_equal(found(image, mean, variance, seen, tolerance=0), STILL)


def test_the_motion_is_bounded():
    for seed in range(4):
        dy, dx, angle = found(*scene((9, -9, 9), seed), tolerance=2, min_gain=-1)
        assert max(abs(dy), abs(dx)) <= 2.5
        assert abs(angle) <= 5


def test_min_gain_decides():
    planes = scene((1, 0, 0))
    gain = align_to_prediction(*planes, tolerance=4).gain
    np.testing.assert_array_equal(found(*planes, min_gain=gain + 1e-6), STILL)
    assert found(*planes, min_gain=gain).any()


def test_the_same_bits_wherever_memory_lies():
    planes = scene((1.4, -2.3, 1.7))
    expected = align_to_prediction(*planes, tolerance=4)
    for offset in range(1, 64, 3):
        copies = []
        for plane in planes:
            room = np.zeros(plane.nbytes + 128, np.uint8)
            start = offset * plane.itemsize % 61
            copy = room[start : start + plane.nbytes].view(plane.dtype).reshape(plane.shape)
            copy[...] = plane
            copies.append(copy)
        clutter = [np.empty(997 * offset + i, np.uint8) for i in range(5)]
        result = align_to_prediction(*copies, tolerance=4)
        assert len(clutter) == 5
        np.testing.assert_array_equal(result.matrix, expected.matrix)
        assert result.gain == expected.gain
    turned = [np.asfortranarray(plane) for plane in planes]
    np.testing.assert_array_equal(found(*turned), found(*planes))


def test_motions_of_phantoms_come_back():
    pytest.importorskip("nilearn")
    from ctmri_detect.datasets import make_phantom_pairs
    from ctmri_detect.preprocessing import make_preprocessor

    pairs = make_phantom_pairs(4, 2, size=128, anomalous_fraction=0, random_state=130)
    rng = np.random.default_rng(0)
    for mean in make_preprocessor("hu", size=128).fit_transform(pairs.data)[:, 1]:
        noise = 0.15 * np.nanstd(mean)
        noisy = mean + rng.normal(scale=noise, size=mean.shape).astype(np.float32)
        rest = (mean, np.full_like(mean, noise**2), np.isfinite(mean))
        np.testing.assert_array_equal(found(noisy, *rest), STILL)
        for motion in ((0, 1, 0), (-2, 2, 1), (3, -4, -2), (4, 4, 3), (0, 0, -3)):
            result = found(misplaced(noisy, motion), *rest)
            np.testing.assert_allclose(result, motion, atol=0.3)


def test_a_prediction_may_come_as_block_means():
    for motion in MOTIONS:
        image, *rest = scene(motion)
        rest[1] = np.where(rest[2], rest[1], np.nan)
        blocks = [resize_observed(plane, (64, 64)) for plane in rest[:2]]
        seen = np.isfinite(blocks[0])
        np.testing.assert_allclose(found(image, *blocks, seen), found(image, *rest), atol=1e-6)
