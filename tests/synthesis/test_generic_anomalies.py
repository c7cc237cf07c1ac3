"""Laws of anomalies that imitate no disease."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect.synthesis import GenericAnomalies
from ctmri_detect.synthesis.generic.record import MODES, SHAPES
from ctmri_detect.testing import make_heads

HEADS = make_heads(3, size=64, seed=0)
SAMPLE, DONOR = HEADS[0], HEADS[1]


def drawn(anomalies, n=40, sample=SAMPLE, donor=DONOR, seed=0):
    rng = np.random.default_rng(seed)
    return [anomalies.draw(sample, rng, donor=donor) for _ in range(n)]


def each_applied(anomalies, n=40, sample=SAMPLE, donor=DONOR):
    return [anomalies.apply(sample, one, donor=donor) for one in drawn(anomalies, n, sample, donor)]


def smoothed_change(before, after):
    """In SDs of the plane, after a Gaussian of one pixel; the largest over the planes."""
    seen = ~np.isnan(before)
    change = np.where(seen, after - before, 0).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.0) for plane in change])
    return np.max(np.where(seen, np.abs(smooth), 0) / np.nanstd(before, axis=(1, 2))[:, None, None],
                  axis=0)  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_every_change_that_can_be_seen_is_labelled(mode):
    for changed, label in each_applied(GenericAnomalies(modes=(mode,))):
        size, touched = smoothed_change(SAMPLE, changed), (changed != SAMPLE).any(axis=0)
        touched &= ~np.isnan(SAMPLE).all(axis=0)
        assert size[touched & ~label].max(initial=0) <= 0.12 + 1e-5
        assert size[label].min(initial=1) > 0.12 - 1e-5


def test_the_label_does_not_reach_beyond_the_change():
    """Smoothing spreads a change by some pixels; the label does not follow it."""
    for changed, label in each_applied(GenericAnomalies(modes=("add",), threshold=0.0)):
        touched = (np.isfinite(changed) & (changed != SAMPLE)).any(axis=0)
        assert not touched[~label].any()
        near = cv2.dilate(touched.astype(np.uint8), np.ones((3, 3))) > 0
        assert not label[~near].any()


@pytest.mark.parametrize("mode", MODES)
def test_what_was_not_observed_stays_so(mode):
    holed = SAMPLE.copy()
    holed[1, 20:30, 20:30] = np.nan
    for changed, label in each_applied(GenericAnomalies(modes=(mode,)), sample=holed):
        assert_array_equal(np.isnan(changed), np.isnan(holed))
        assert not label[np.isnan(holed).all(axis=0)].any()


@pytest.mark.parametrize("mode", MODES)
def test_the_sample_is_left_as_it_is_and_a_draw_says_it_all(mode):
    anomalies, before = GenericAnomalies(modes=(mode,)), SAMPLE.copy()
    for one in drawn(anomalies, 10):
        first, again = (anomalies.apply(SAMPLE, one, donor=DONOR) for _ in range(2))
        assert_array_equal(first[0], again[0])
        assert_array_equal(first[1], again[1])
    assert_array_equal(SAMPLE, before)


def test_a_seed_repeats_and_another_does_not():
    anomalies = GenericAnomalies()
    assert drawn(anomalies, seed=1) == drawn(anomalies, seed=1)
    assert drawn(anomalies, seed=1) != drawn(anomalies, seed=2)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_that_is_left_out_is_never_drawn(shape):
    rest = tuple(name for name in SHAPES if name != shape)
    assert {one.shape for one in drawn(GenericAnomalies(shapes=rest), 100)} == set(rest)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_that_is_left_out_is_never_drawn(mode):
    rest = tuple(name for name in MODES if name != mode)
    assert {one.mode for one in drawn(GenericAnomalies(modes=rest), 150)} == set(rest)


def test_shares_are_as_said():
    found = drawn(GenericAnomalies(), 2000)
    for names, of in ((SHAPES, lambda one: one.shape), (MODES, lambda one: one.mode)):
        for name, share in names.items():
            assert abs(np.mean([of(one) == name for one in found]) - share) < 0.04
    alone = [one.planes for one in found if one.mode != "elsewhere"]
    assert abs(np.mean([len(planes) == 2 for planes in alone]) - 0.6) < 0.05
    assert set(alone) == {(0,), (1,), (0, 1)}


def test_sizes_and_amplitudes_stay_within_their_bounds():
    anomalies = GenericAnomalies(radius=(3.0, 4.0), aspect=2.0, amplitude=(1.0, 1.5))
    for one in drawn(anomalies, 100):
        radii = np.array(one.radii)
        assert 3.0 - 1e-9 <= np.sqrt(radii.prod()) <= 4.0 + 1e-9
        assert radii.max() / radii.min() <= 2.0 + 1e-9
        assert all(1.0 <= abs(size) <= 1.5 for size in one.amplitudes)


def test_signs_of_the_planes_are_independent():
    both = [one.amplitudes for one in drawn(GenericAnomalies(), 300) if len(one.planes) == 2]
    assert {tuple(np.sign(pair)) for pair in both} == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_planes_that_are_not_named_keep_their_bits():
    anomalies = GenericAnomalies()
    for one in drawn(anomalies, 60):
        changed, _ = anomalies.apply(SAMPLE, one, donor=DONOR)
        rest = [plane for plane in (0, 1) if plane not in one.planes]
        assert_array_equal(changed[rest], SAMPLE[rest])


@pytest.mark.parametrize("n_planes", [1, 3, 8])
def test_any_number_of_planes(n_planes):
    sample, donor = (np.repeat(head, 4, axis=0)[:n_planes] for head in (SAMPLE, DONOR))
    found = drawn(GenericAnomalies(), 60, sample, donor)
    wanted = {tuple(range(n_planes))} | {(plane,) for plane in range(n_planes)}
    assert {one.planes for one in found} <= wanted
    for changed, label in each_applied(GenericAnomalies(), 20, sample, donor):
        assert (changed.shape, label.shape) == (sample.shape, sample.shape[1:])


def test_a_missing_plane_is_never_chosen():
    half = SAMPLE.copy()
    half[1] = np.nan
    assert {one.planes for one in drawn(GenericAnomalies(), sample=half)} == {(0,)}


def test_brighter_is_brighter_by_the_amplitude():
    anomalies = GenericAnomalies(modes=("add",), radius=(8, 10), aspect=1)
    for one in drawn(anomalies, 10):
        changed, _ = anomalies.apply(SAMPLE, one)
        for plane, amplitude in zip(one.planes, one.amplitudes, strict=True):
            change = (changed - SAMPLE)[plane] / np.nanstd(SAMPLE[plane])
            assert np.nanmax(np.abs(change)) == pytest.approx(abs(amplitude), rel=1e-3)
            assert np.sign(np.nansum(change)) == np.sign(amplitude)


def test_replaced_tissue_keeps_the_noise_of_the_slice():
    anomalies = GenericAnomalies(shapes=("ellipse",), modes=("replace",), radius=(8, 9), aspect=1)
    noisy = SAMPLE + np.float32(0.03) * make_noise()
    for one in drawn(anomalies, 10, noisy):
        changed, label = anomalies.apply(noisy, one)
        for plane in one.planes:
            inside = cv2.erode(label.astype(np.uint8), np.ones((9, 9))) > 0
            fine = [image[plane] - cv2.GaussianBlur(image[plane], (0, 0), 1.0)
                    for image in (changed, noisy)]  # fmt: skip
            kept = inside & np.isfinite(fine[0])
            if kept.sum() > 30:
                assert np.std(fine[0][kept]) > 0.6 * 0.03


def make_noise():
    return np.random.default_rng(5).normal(size=SAMPLE.shape).astype(np.float32)


def test_a_patch_is_the_donors_tissue():
    far = DONOR + 100
    anomalies = GenericAnomalies(modes=("patch",))
    for one in drawn(anomalies, 10, donor=far):
        changed, label = anomalies.apply(SAMPLE, one, donor=far)
        assert label.any()
        assert np.nanmax(changed[list(one.planes)]) > 50


def test_without_a_donor_there_is_no_patch():
    assert "patch" not in {one.mode for one in drawn(GenericAnomalies(), 150, donor=None)}
    with pytest.raises(ValueError, match="donor is None; expected a sample of another patient"):
        GenericAnomalies(modes=("patch",)).draw(SAMPLE, np.random.default_rng(0))
    anomalies = GenericAnomalies(modes=("patch",))
    with pytest.raises(ValueError, match="donor is None; expected the one"):
        anomalies.apply(SAMPLE, drawn(anomalies, 1)[0])


def test_a_sample_without_a_pixel_is_refused():
    with pytest.raises(ValueError, match="The sample is all NaN; expected observed pixels"):
        GenericAnomalies().draw(np.full_like(SAMPLE, np.nan), np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong",
    [{"radius": (5, 2)}, {"amplitude": (0, 1)}, {"shapes": ()}, {"modes": ("tumour",)}],
    ids=["falling", "zero", "none", "unknown"],
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(ValueError, match=f"GenericAnomalies's {next(iter(wrong))} is .*; expected"):
        GenericAnomalies(**wrong).draw(SAMPLE, np.random.default_rng(0))
