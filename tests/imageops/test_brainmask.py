"""The brain mask on drawn heads and, where they are at hand, on real ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from real_data import DATA

from ctmri_detect.imageops.brainmask import brain_mask, head_mask, mri_head_mask
from ctmri_detect.imageops.morphology import coarse_enclosure, enclosure, fill_holes


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


def _soft(size=256):
    """A head whose edges are blurred as a scanner blurs them; its brain, and its vault."""
    brain = _ellipse(size, (0.62, 0.50))
    vault = _ellipse(size, (0.72, 0.60)) & ~brain
    ct = np.full((size, size), -1000.0)
    ct[_ellipse(size, (0.76, 0.64))] = -80
    ct[vault] = 1000
    ct[brain] = 32
    return ct, brain, vault


def _scan(ct, units="hu", noise=3.0):
    blurred = cv2.GaussianBlur(ct, (0, 0), 0.5 * ct.shape[0] / 256)
    seen = blurred + np.random.default_rng(0).normal(0, noise, ct.shape)
    return seen if units == "hu" else _window(seen)


@pytest.mark.parametrize("units", ["hu", "uint8"])
def test_grown_to_the_inner_table_it_holds_a_thin_layer_of_blood(units):
    ct, brain, vault = _soft()
    inner = _ellipse(256, (0.62 - 5 / 256, 0.50 - 5 / 256))  # 2.5 pixels
    layer = brain & ~inner & (np.mgrid[:256, :256][1] > 128)
    ct[layer] = 60
    scan = _scan(ct, units)
    plain, mask = brain_mask(scan, units), brain_mask(scan, units, to_inner_table=True)
    assert mask[layer].mean() > 0.97
    assert plain[layer].mean() < mask[layer].mean()
    assert mask[plain].all()
    assert not (mask & ~cv2.dilate(plain.astype(np.uint8), np.ones((3, 3))).astype(bool)).any()
    solid = cv2.erode(vault.astype(np.uint8), np.ones((3, 3))).astype(bool)
    assert not (mask & solid).any()


@pytest.mark.parametrize("units", ["hu", "uint8"])
def test_bone_of_the_skull_base_is_outside_and_a_small_calcification_inside(units):
    ct, _, _ = _soft()
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    spur = (np.abs(y - 0.1 - 0.4 * x) < 0.03) & (x > 0.25) & (x < 0.52)  # joined to the vault
    ridge = (np.abs(y - 0.1 + 0.4 * x) < 0.025) & (x < -0.26) & (x > -0.44)  # not joined
    calcified = _ellipse(256, (0.025, 0.025), (0.0, 0.05))
    sinus = _ellipse(256, (0.12, 0.2), (-0.5, 0.0))
    ct[_ellipse(256, (0.16, 0.24), (-0.5, 0.0)) | spur | ridge] = 900
    ct[calcified] = 300
    ct[sinus] = -1000
    mask = brain_mask(_scan(ct, units), units)
    for bone in (spur, ridge, sinus):
        assert mask[bone].mean() < 0.05
    assert mask[calcified].all()


def test_no_brain_below_the_skull_base():
    """A spinal canal in a vertebra, muscle, a jaw in front."""
    ct = np.where(_ellipse(256, (0.75, 0.62)), 55.0, -1000.0)
    ct[_ellipse(256, (0.2, 0.24), (0.2, 0.0))] = 700
    ct[_ellipse(256, (0.09, 0.1), (0.2, 0.0))] = 30
    jaw = _ellipse(256, (0.5, 0.45), (-0.25, 0.0)) & ~_ellipse(256, (0.42, 0.37), (-0.25, 0.0))
    ct[jaw & (np.mgrid[-1:1:256j, -1:1:256j][0] < -0.2)] = 1000
    for units in ("hu", "uint8"):
        assert not brain_mask(_scan(ct, units), units).any()


@pytest.mark.parametrize("units", ["hu", "uint8"])
def test_the_frame_around_the_head_does_not_matter(units):
    ct, _, _ = _soft(192)
    seen = _scan(ct, units)
    air = -1000.0 if units == "hu" else 0.0
    padded = np.pad(seen, ((13, 7), (20, 31)), constant_values=air)
    np.testing.assert_array_equal(brain_mask(padded, units)[13:-7, 20:-31], brain_mask(seen, units))


@pytest.mark.parametrize("units", ["hu", "uint8"])
@pytest.mark.parametrize("size", [128, 512])
def test_the_mask_scales_with_the_resolution(units, size):
    ct, _, _ = _soft(512)
    fine = cv2.GaussianBlur(ct, (0, 0), 1.4)
    masks = []
    for each in (256, size):
        seen = cv2.resize(fine, (each, each), interpolation=cv2.INTER_AREA)
        mask = brain_mask(_window(seen) if units == "uint8" else seen, units)
        masks.append(cv2.resize(mask.astype(np.uint8), (512, 512), interpolation=0) > 0)
    assert _dice(*masks) > 0.97


def test_coarse_enclosure_agrees_with_the_fine_one():
    ring = _ellipse(200, (0.7, 0.6)) & ~_ellipse(200, (0.62, 0.52))
    ring[:, 90:110][:100] = False
    fine, coarse = enclosure(ring), coarse_enclosure(ring)
    assert coarse.shape == ring.shape
    assert ((fine >= 0.75) == (coarse >= 0.75)).mean() > 0.97


def test_holes_are_what_the_edge_does_not_reach():
    ring = _ellipse(64, (0.7, 0.6)) & ~_ellipse(64, (0.5, 0.4))
    np.testing.assert_array_equal(fill_holes(ring), _ellipse(64, (0.7, 0.6)))
    ring[:, :32][30:34] = False
    np.testing.assert_array_equal(fill_holes(ring), ring)


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
