"""Overlays: one figure for many of them draws what a figure for each draws."""

import cv2
import numpy as np
import pytest

from ctmri_detect.plotting import OverlayWriter, overlay_png

OUTLINE = (0, 229, 255)  # of a mask: #00E5FF


def sample(seed, shape=(48, 40)):
    rng = np.random.default_rng(seed)
    ct, mri = rng.uniform(0, 80, shape), rng.uniform(0, 900, shape)
    return np.stack([ct, mri]), rng.uniform(0, 6, shape)


def without_ct(given):
    given[0][0] = np.nan
    return given


def pixels(path):
    return cv2.imread(str(path))[..., ::-1]


@pytest.fixture(scope="module")
def mask():
    mask = np.zeros((48, 40), dtype=bool)
    mask[10:30, 8:20] = True
    return mask


def test_many_overlays_look_like_single_ones(tmp_path, mask):
    cases = [  # titles of one height: the figure is laid out for the first one
        (sample(0), {"title": "pd: first"}),
        (sample(1), {"title": "pd: second, longer", "mask": mask}),
        (sample(2), {"title": "pd: third"}),  # the outline of the second is gone
        (without_ct(sample(3)), {"title": "pd: no CT"}),
        (sample(4), {"title": "pd: CT again"}),
        (sample(5), {}),
        (sample(6, (30, 60)), {"title": "pd: another shape"}),
    ]
    writer = OverlayWriter(ct_units="hu")
    for i, (planes, options) in enumerate(cases):
        many = writer.write(*planes, tmp_path / f"{i}_many.png", **options)
        one = overlay_png(*planes, tmp_path / f"{i}_one.png", ct_units="hu", **options)
        np.testing.assert_array_equal(pixels(many), pixels(one))


def test_mask_is_outlined_and_title_is_drawn(tmp_path, mask):
    planes = sample(0)
    plain = pixels(overlay_png(*planes, tmp_path / "plain.png", title=" "))
    titled = pixels(overlay_png(*planes, tmp_path / "titled.png", title="a_001"))
    outlined = pixels(overlay_png(*planes, tmp_path / "outlined.png", title=" ", mask=mask))

    def near(image):
        return int((np.abs(image.astype(int) - OUTLINE).max(axis=2) < 40).sum())

    assert near(plain) < 10 < 100 < near(outlined)
    changed = np.nonzero((plain != titled).any(axis=2))[0]
    assert len(changed) > 100
    assert changed.max() < plain.shape[0] // 10


def test_after_an_overlay_that_fails_the_next_is_drawn(tmp_path):
    writer, planes = OverlayWriter(), sample(0)
    writer.write(*planes, tmp_path / "a.png", title="a")
    with pytest.raises(ValueError, match="shape"):
        writer.write(planes[0], planes[1][0], tmp_path / "b.png", title="b")
    after = writer.write(*planes, tmp_path / "c.png", title="a")
    np.testing.assert_array_equal(pixels(after), pixels(tmp_path / "a.png"))
