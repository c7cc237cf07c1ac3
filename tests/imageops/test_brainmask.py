"""The brain mask on drawn heads and, where they are at hand, on real ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from real_data import DATA

from ctmri_detect.imageops.brainmask import brain_mask, head_mask, mri_head_mask
from ctmri_detect.imageops.morphology import enclosure


def _ellipse(size, semi, centre=(0.0, 0.0)):
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    return np.hypot((y - centre[0]) / semi[0], (x - centre[1]) / semi[1]) < 1


def _head(size=192, noise=4.0, seed=0):
    """CT in HU of a drawn head, and its brain."""
    brain = _ellipse(size, (0.62, 0.50))
    ct = np.full((size, size), -1000.0)
    ct[_ellipse(size, (0.76, 0.64))] = -80
    ct[_ellipse(size, (0.72, 0.60))] = 1000
    ct[brain] = 32
    ct[_ellipse(size, (0.15, 0.05), (0, -0.08)) | _ellipse(size, (0.15, 0.05), (0, 0.08))] = 8
    return ct + np.random.default_rng(seed).normal(0, noise, ct.shape), brain


def _window(ct):
    return np.round(np.clip(ct / 80 * 255, 0, 255))


def _dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("size", [64, 128, 192, 400])
def test_finds_the_drawn_brain_in_both_units(size):
    ct, brain = _head(size)
    assert _dice(brain_mask(ct), brain) > 0.96
    assert _dice(brain_mask(_window(ct), "uint8"), brain) > 0.96


def test_units_agree():
    ct, _ = _head()
    assert _dice(brain_mask(ct), brain_mask(_window(ct), "uint8")) > 0.98


def test_headrest_does_not_matter():
    ct, _ = _head()
    with_rest = ct.copy()
    rest = _ellipse(192, (0.93, 0.93)) & ~_ellipse(192, (0.91, 0.91))
    rest[:120] = False
    with_rest[rest] = 800
    np.testing.assert_array_equal(brain_mask(with_rest), brain_mask(ct))


@pytest.mark.parametrize("half_width", [6, 14])
def test_a_gap_in_the_skull_does_not_leak(half_width):
    ct, brain = _head()
    y, x = np.mgrid[:192, :192]
    ct[(np.abs(y - 96) < half_width) & (x > 96) & (ct > 300)] = 40
    mask = brain_mask(ct)
    assert _dice(mask, brain) > 0.9


def test_calcification_and_clot_stay_in():
    ct, _ = _head()
    calcified, clot = (_ellipse(192, (0.03, 0.03), c) for c in ((0.3, 0.1), (-0.3, 0.1)))
    ct[calcified] = 200
    ct[clot] = 75
    assert brain_mask(ct)[calcified | clot].all()
    assert brain_mask(_window(ct), "uint8")[calcified | clot].all()


def test_large_saturated_part_goes_out():
    ct, _ = _head()
    ridge = _ellipse(192, (0.12, 0.30), (0.45, 0.0))
    ct[ridge] = 1000
    assert brain_mask(ct)[ridge].mean() < 0.1


def test_shifting_the_head_shifts_the_mask():
    ct, _ = _head()
    moved = np.roll(ct, (7, -9), (0, 1))
    np.testing.assert_array_equal(np.roll(brain_mask(ct), (7, -9), (0, 1)), brain_mask(moved))


def test_no_brain_no_mask():
    ct, brain = _head()
    assert not brain_mask(np.full((64, 64), -1000.0)).any()
    assert not brain_mask(np.full((64, 64), np.nan)).any()
    assert not brain_mask(np.where(brain, ct, -1000.0)).any()  # skull removed
    vertebra = np.where(_ellipse(192, (0.7, 0.6)), 50.0, -1000.0)
    vertebra[_ellipse(192, (0.2, 0.2))] = 900
    vertebra[_ellipse(192, (0.1, 0.1))] = 30
    assert not brain_mask(vertebra).any()


def test_unknown_units_are_refused():
    with pytest.raises(ValueError, match=r"'hu'.*'uint8'"):
        brain_mask(np.zeros((8, 8)), "grey")  # type: ignore[arg-type]


def test_head_masks_hold_the_head():
    ct, brain = _head()
    head = _ellipse(192, (0.76, 0.64))
    assert _dice(head_mask(ct), head) > 0.98
    assert head_mask(_window(ct), "uint8")[brain].mean() > 0.99
    mri = np.where(head, 100.0, 3.0)
    mri[_ellipse(192, (0.1, 0.1))] = 900  # bright fluid must not set the threshold above brain
    assert _dice(mri_head_mask(mri), head) > 0.98
    assert not mri_head_mask(np.full((32, 32), 5.0)).any()


def test_enclosure_is_bounded_and_turns_with_the_bone():
    bone = np.zeros((61, 61), dtype=bool)
    bone[10:50, 12:15] = True
    share = enclosure(bone)
    assert share.min() >= 0
    assert share.max() <= 1
    np.testing.assert_allclose(enclosure(np.rot90(bone)), np.rot90(share), atol=0.13)


def test_real_slices_have_a_plausible_brain():
    files = sorted((DATA / "brain_pairs" / "CT").glob("*.png"))
    if not files:
        pytest.skip("no real images at hand")
    shares = []
    for file in files[::4]:
        ct = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        mask = brain_mask(ct, "uint8")
        shares.append(mask.sum() / head_mask(ct, "uint8").sum())
        assert (ct[mask] >= 254).mean() < 0.1
    assert min(shares) > 0.08
    assert max(shares) < 0.95
