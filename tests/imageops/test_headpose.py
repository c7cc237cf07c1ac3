"""The pose moves with the head."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ctmri_detect.imageops.headpose import HeadPose, estimate_pose
from ctmri_detect.imageops.warp import warp_observed


def _brain(size=200):
    """A mirror-symmetric brain, broader behind, with ventricles; NaN outside."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    brain = np.hypot(y / 0.6, x / (0.46 + 0.1 * y)) < 1
    image = np.where(np.abs(x) < 0.015, 40.0, 30.0)
    for side in (-1, 1):
        image[np.hypot((y + 0.05) / 0.2, (x - side * (0.09 + 0.1 * y)) / 0.06) < 1] = 8
    return np.where(brain, image, np.nan)


def _moved(image, angle, shift=(0.0, 0.0)):
    """Turned counter-clockwise as displayed, then shifted by (x, y)."""
    size = len(image)
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, 1.0)
    matrix[:, 2] += shift
    return warp_observed(image, matrix, image.shape), matrix


def _pose(image):
    return estimate_pose(np.isfinite(image), image)


@pytest.mark.parametrize("angle", [-24, -9, -2, 0, 4, 13, 27])
def test_angle_follows_a_turn(angle):
    turned, _ = _moved(_brain(), angle)
    assert _pose(turned).angle == pytest.approx(angle, abs=0.7)


def test_outline_alone_gives_the_angle_too():
    turned, _ = _moved(_brain(), 11)
    assert estimate_pose(np.isfinite(turned)).angle == pytest.approx(11, abs=1.5)


@pytest.mark.parametrize("shift", [(0, 0), (13, -8), (-20.5, 6)])
def test_centre_follows_a_shift(shift):
    upright = _pose(_brain())
    moved, _ = _moved(_brain(), 0, shift)
    pose = _pose(moved)
    assert pose.x - upright.x == pytest.approx(shift[0], abs=0.5)
    assert pose.y - upright.y == pytest.approx(shift[1], abs=0.6)


def test_extent_follows_the_size_and_not_the_turn():
    small = _pose(_brain(150)).extent
    assert _pose(_brain(300)).extent == pytest.approx(2 * small, rel=0.02)
    turned, _ = _moved(_brain(150), 20)
    assert _pose(turned).extent == pytest.approx(small, rel=0.03)


def test_grey_unit_does_not_matter():
    image, _ = _moved(_brain(), 8)
    one, two = _pose(image), _pose(image * 3.0 + 100)
    assert one.angle == pytest.approx(two.angle, abs=0.01)


@pytest.mark.parametrize("angle", [-18, 0, 22])
def test_box_holds_the_brain_upright_and_symmetric(angle):
    moved, _ = _moved(_brain(), angle, (9, -5))
    box = warp_observed(moved, _pose(moved).matrix(100), (100, 100))
    rows, columns = np.nonzero(np.isfinite(box))
    extents = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(extents) == pytest.approx(90, abs=2)
    assert rows.min() >= 3
    assert columns.max() <= 96
    both = np.isfinite(box) & np.isfinite(box[:, ::-1])
    assert both.sum() / np.isfinite(box).sum() > 0.96
    assert np.corrcoef(box[both], box[:, ::-1][both])[0, 1] > 0.8


def test_matrix_keeps_shapes_and_centres():
    matrix = HeadPose(y=30.0, x=50.0, angle=17.0, extent=80.0).matrix(64, fill=0.8)
    linear = matrix[:, :2]
    scale = 0.8 * 64 / 80
    np.testing.assert_allclose(linear @ linear.T, np.eye(2) * scale**2, atol=1e-9)
    np.testing.assert_allclose(matrix @ [50.0, 30.0, 1.0], [31.5, 31.5], atol=1e-9)


def test_awkward_masks():
    with pytest.raises(ValueError, match="empty"):
        estimate_pose(np.zeros((8, 8), dtype=bool))
    single = np.zeros((8, 8), dtype=bool)
    single[2, 5] = True
    pose = estimate_pose(single)
    assert np.isfinite(pose.matrix(16)).all()
    assert estimate_pose(np.ones((64, 64), dtype=bool)).angle == pytest.approx(0, abs=1)
