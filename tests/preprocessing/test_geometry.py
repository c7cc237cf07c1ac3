"""The head aligner: there, back, and the same pose whatever the turn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ctmri_detect import Pairs
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.preprocessing import HeadAligner
from ctmri_detect.preprocessing.geometry import head_pose

SIZE = 160


def _pair(angle=0.0, shift=(0.0, 0.0)):
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    brain = np.hypot(y / 0.6, x / (0.46 + 0.1 * y)) < 1
    ct = 30 + 5 * np.cos(6 * y) * np.cos(9 * x)
    mri = 100 + 50 * np.sin(4 * y) - 40 * np.abs(x)
    pair = np.where(brain, np.stack([ct, mri]), np.nan)
    matrix = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), angle, 1.0)
    matrix[:, 2] += shift
    return warp_observed(pair, matrix, (SIZE, SIZE))


@pytest.fixture
def X():
    return np.stack([_pair(), _pair(15, (10, -6)), _pair(-22, (-4, 8))])


def test_output_is_the_same_however_the_head_lay(X):
    out = HeadAligner(size=96).fit_transform(X)
    assert out.shape == (3, 2, 96, 96)
    assert out.dtype == np.float32
    for other in out[1:]:
        both = np.isfinite(out[0, 1]) & np.isfinite(other[1])
        assert both.sum() / np.isfinite(out[0, 1]).sum() > 0.96
        assert np.corrcoef(out[0, 1][both], other[1][both])[0, 1] > 0.98


def test_both_planes_move_alike(X):
    X[:, 1] = X[:, 0]
    out = HeadAligner().fit_transform(X)
    np.testing.assert_array_equal(out[:, 0], out[:, 1])


def test_there_and_back_inside_the_mask(X):
    aligner = HeadAligner(size=128).fit(X)
    back = aligner.inverse_transform_map(aligner.transform(X), X)
    assert back.shape == X.shape
    assert back.dtype == np.float32
    for plane, spread in ((0, 10), (1, 100)):
        both = np.isfinite(X[:, plane]) & np.isfinite(back[:, plane])
        assert both.sum() / np.isfinite(X[:, plane]).sum() > 0.96
        error = np.abs(back[:, plane][both] - X[:, plane][both])
        assert np.percentile(error, 99) < 0.03 * spread
        assert (np.isfinite(back[:, plane]) & ~np.isfinite(X[:, plane])).mean() < 0.01


def test_maps_without_channels_and_constants(X):
    aligner = HeadAligner(size=64).fit(X)
    back = aligner.inverse_transform_map(np.full((3, 64, 64), 2.5), X)
    assert back.shape == (3, SIZE, SIZE)
    np.testing.assert_allclose(back[np.isfinite(X[:, 0])], 2.5, rtol=1e-5)


def test_a_hot_spot_comes_back_to_its_place(X):
    X = X.copy()
    X[1, 1, 90:94, 70:74] = 1000
    aligner = HeadAligner(size=128).fit(X)
    back = aligner.inverse_transform_map(aligner.transform(X)[:, 1], X)[1]
    y, x = np.unravel_index(np.nanargmax(back), back.shape)
    assert 89 <= y <= 94
    assert 69 <= x <= 74


def test_samples_do_not_depend_on_each_other(X):
    aligner = HeadAligner().fit(X[:1])
    together = aligner.transform(X)
    for i in range(3):
        np.testing.assert_array_equal(aligner.transform(X[i : i + 1])[0], together[i])


def test_pose_comes_from_the_mri_where_there_is_no_ct(X):
    angle = head_pose(X[1]).angle
    X[:, 0] = np.nan
    assert head_pose(X[1]).angle == pytest.approx(angle, abs=1.5)
    assert np.isnan(HeadAligner().fit_transform(X)[:, 0]).all()


@pytest.mark.parametrize("shape", [(2, 64, 64), (3, 32, 32), (3, 64)])
def test_maps_that_do_not_belong_to_X_are_refused(shape, X):
    aligner = HeadAligner(size=64).fit(X)
    with pytest.raises(InvalidPairsError, match="expected \\(3, 64, 64\\)"):
        aligner.inverse_transform_map(np.zeros(shape), X)


@pytest.mark.parametrize("step", [HeadAligner(size=4), HeadAligner(size=64.0), HeadAligner(fill=2)])
def test_bad_parameters_are_refused_in_fit(step, X):
    with pytest.raises(ValueError, match="expected"):
        step.fit(X)


def test_the_spacing_is_that_of_the_box(X):
    spacing = np.array([[0.5, 0.5], [0.4, 0.4], [1.0, 2.0]])
    boxed = HeadAligner(size=64).transform(Pairs(X, spacing=spacing))
    scales = [head_pose(pair).matrix(64, 0.9) for pair in X]
    scales = [np.hypot(matrix[0, 0], matrix[0, 1]) for matrix in scales]
    np.testing.assert_allclose(boxed.spacing, spacing / np.array(scales)[:, None])


def test_a_pose_does_not_depend_on_poses_before():
    pairs = np.full((5, 2, 40, 40), np.nan)
    for i, pair in enumerate(pairs):
        pair[:, 5 + i : 20 + i, 10:25] = 1.0
    centres = [head_pose(pair).y for pair in pairs]
    assert centres == pytest.approx(np.arange(5) + centres[0], abs=0.1)
    assert head_pose(pairs[4].copy()) == head_pose(pairs[4])
    pairs[4, :, 9:30] = np.nan
    pairs[4, :, 30:39, 10:25] = 1.0
    assert head_pose(pairs[4]).y > 30
