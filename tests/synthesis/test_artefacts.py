"""Laws of acquisition artefacts, on a toy head and on one phantom slice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.synthesis.artefacts import (
    ARTEFACT_KINDS,
    apply_artefact,
    beam_hardening,
    draw_artefact,
)
from ctmri_detect.synthesis.artefacts.mri import ghosted
from ctmri_detect.synthesis.artefacts.projection import N_ANGLES, Rays
from ctmri_detect.validation import CT, MRI

SPACING, SHAPE = 1.5, (128, 144)
SEVERITIES = ("mild", "moderate", "severe")
MRI_KINDS = [name for name, kind in ARTEFACT_KINDS.items() if kind.plane == MRI]


def toy_head():
    """Fluid, white, grey, fluid, bone and scalp in ellipses, as CT (HU) and MRI; some noise."""
    y, x = (np.indices(SHAPE) - (np.array(SHAPE)[:, None, None] - 1) / 2) * SPACING
    radius = np.hypot(x * 1.2, y)
    shells = [radius < r for r in (8, 45, 57, 60, 68, 72)]
    rng = np.random.default_rng(7)
    ct = np.select(shells, [8, 26, 34, 8, 1000, 40], -1000) + 4 * rng.normal(size=SHAPE)
    mri = np.select(shells, [900, 300, 400, 900, 20, 300], 0)
    mri = np.hypot(mri + 9 * rng.normal(size=SHAPE), 9 * rng.normal(size=SHAPE))
    return np.stack([ct, mri]).astype(np.float32)


@pytest.fixture(scope="module")
def pair():
    head = toy_head()
    head.flags.writeable = False
    return head


@pytest.fixture(scope="module")
def phantom():
    pytest.importorskip("nilearn")
    from ctmri_detect.phantom.pairs import make_phantom_pairs

    made = make_phantom_pairs(1, 1, size=128, anomalous_fraction=0.0, random_state=0)
    return made.data[0], float(made.frame["spacing"][0])


def drawn(kind, severity="moderate", seed=0, axis=None, **values):
    artefact = draw_artefact(kind, severity, np.random.default_rng(seed))
    axis = artefact.axis if axis is None else axis
    return dataclasses.replace(artefact, values=artefact.values | values, axis=axis)


def spoil(pair, kind, severity="moderate", seed=0, *, units="hu", **values):
    artefact = drawn(kind, severity, seed, **values)
    return apply_artefact(artefact, pair, spacing=SPACING, ct_units=units)


def as_8_bit(pair):
    ct = np.clip(np.rint(pair[CT] * 255 / 80), 0, 255)
    return np.stack([ct, np.clip(np.rint(pair[MRI] / 4), 0, 255)]).astype(np.float32)


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_only_the_plane_of_the_kind_changes_and_the_input_stays(kind, severity, pair):
    before = pair.copy()
    out = spoil(pair, kind, severity)
    plane = ARTEFACT_KINDS[kind].plane
    assert out.dtype == np.float32
    assert out.shape == pair.shape
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[1 - plane], pair[1 - plane])
    assert np.abs(out[plane] - pair[plane]).max() > 10
    np.testing.assert_array_equal(pair, before)


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
def test_same_draw_same_bits_and_global_generator_alone(kind, pair):
    state = np.random.get_state()[1].copy()
    first, again, other = (spoil(pair, kind, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(state, np.random.get_state()[1])


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_drawn_numbers_lie_in_the_published_ranges(kind, severity):
    spec = ARTEFACT_KINDS[kind]
    for seed in range(10):
        artefact = draw_artefact(kind, severity, np.random.default_rng(seed))
        ranges = spec.severity[severity] | spec.form
        assert list(artefact.values) == list(ranges)
        for name, (low, high) in ranges.items():
            assert low <= artefact.values[name] <= high


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("units", ["hu", "uint8"])
def test_severity_raises_the_change(kind, seed, units, pair):
    pair = pair if units == "hu" else as_8_bit(pair)
    change = [
        np.sqrt(np.mean((spoil(pair, kind, severity, seed, units=units) - pair) ** 2))
        for severity in SEVERITIES
    ]
    assert 0 < change[0] < change[1] < change[2]


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
@pytest.mark.parametrize("units", ["hu", "uint8"])
def test_gaps_stay_gaps_and_count_as_background(kind, units, pair):
    filled = (pair if units == "hu" else as_8_bit(pair)).copy()
    outside = filled[MRI] < (100 if units == "hu" else 25)
    filled[:, outside] = np.array([-1000.0 if units == "hu" else 0.0, 0.0])[:, None]
    gaps = filled.copy()
    gaps[:, outside] = np.nan
    out, whole = spoil(gaps, kind, units=units), spoil(filled, kind, units=units)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(gaps))
    np.testing.assert_array_equal(out[:, ~outside], whole[:, ~outside])


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
def test_a_missing_plane_is_an_error_only_where_it_is_needed(kind, pair):
    plane = ARTEFACT_KINDS[kind].plane
    for missing in (CT, MRI):
        half = pair.copy()
        half[missing] = np.nan
        if missing == plane:
            with pytest.raises(InvalidPairsError, match="missing"):
                spoil(half, kind)
        else:
            assert np.isnan(spoil(half, kind)[missing]).all()


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_8_bit_stays_8_bit(kind, severity, pair):
    out = spoil(as_8_bit(pair), kind, severity, units="uint8")
    np.testing.assert_array_equal(out, np.rint(out))
    assert out.min() >= 0
    assert out.max() <= 255


def test_8_bit_that_was_resampled_is_not_rounded(pair):
    ct = np.stack([as_8_bit(pair)[CT] * np.float32(0.99), pair[MRI]])
    out = spoil(ct, "metal_streak", "severe", units="uint8")[CT]
    assert not np.array_equal(out, np.rint(out))
    assert out.max() <= 255


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
@pytest.mark.parametrize("units", ["hu", "uint8"])
@pytest.mark.parametrize("values", [(-1000.0, 0.0), (0.0, 0.0), (40.0, 100.0)])
@pytest.mark.parametrize("shape", [(40, 33), (1, 9)])
def test_a_constant_image_gives_no_nan(kind, units, values, shape):
    flat = np.ones((2, *shape)) * np.array(values)[:, None, None]
    assert np.isfinite(spoil(flat, kind, units=units)).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_ghosts_lie_along_one_axis_and_keep_the_mean(axis, pair):
    artefact = drawn("motion_ghosting", "severe", axis=axis)
    clean = np.where(pair[MRI] > 100, pair[MRI], 0)
    complex_image = ghosted(clean, artefact, SPACING)
    assert complex_image.mean() == pytest.approx(clean.mean())
    out = apply_artefact(artefact, np.stack([pair[CT], clean]), spacing=SPACING)[MRI]
    empty = ~clean.any(axis=axis)
    assert empty.any()
    assert np.moveaxis(out, axis, 0)[:, empty].max() < 1e-3
    np.testing.assert_allclose((out**2).sum(axis), (clean**2).sum(axis), rtol=1e-4, atol=1e-2)
    mild = dataclasses.replace(artefact, values=artefact.values | {"motion_mm": 0.3})
    out = apply_artefact(mild, np.stack([pair[CT], clean]), spacing=SPACING)[MRI]
    assert out.mean() == pytest.approx(clean.mean(), rel=0.1)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_first_ghost_is_as_far_as_drawn(axis):
    point = np.zeros((2, 128, 128))
    point[MRI, 64, 64] = 1000.0
    out = spoil(
        point, "motion_ghosting", "moderate", axis=axis, ghost_mm=20 * SPACING, motion_mm=0.5
    )
    line = np.moveaxis(out[MRI], axis, 0)[:, 64]
    away = np.sort(np.argsort(line)[-3:] - 64)
    np.testing.assert_allclose(away, [-20, 0, 20], atol=1)


@pytest.mark.parametrize("size", [128, 129])
def test_the_head_appears_where_it_was_in_the_middle_of_the_scan(size):
    blob = np.zeros((2, size, size))
    y, x = np.indices((size, size)) - size // 2
    blob[MRI] = 1000.0 * np.exp(-(np.hypot(x, y) ** 2) / 200)
    half = {"ghost_mm": 0.5 * SPACING, "phase": 0.0, "motion_mm": 4 * SPACING}  # 0, 1, 0
    out = spoil(blob, "motion_ghosting", axis=0, **half)[MRI]
    assert np.unravel_index(out.argmax(), out.shape) == (size // 2 + 4, size // 2)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [0.0, 0.5, 1.0])
def test_wrap_around_moves_what_is_beyond_the_edge_to_the_other_side(axis, side):
    pair = np.zeros((2, 100, 110))
    pair[MRI, 20:80, 20:80] = 1000.5 + np.arange(60)[:, None] + np.arange(60)
    out = np.moveaxis(
        spoil(pair, "wrap_around", "severe", axis=axis, side=side, share=0.2)[MRI], axis, 0
    )
    before = np.moveaxis(pair[MRI], axis, 0)
    assert out.sum() == pytest.approx(before.sum())
    low, high = 20 + round(12 * side), 80 - round(12 * (1 - side))
    assert not out[:low].any()
    assert not out[high:].any()
    np.testing.assert_allclose(
        out[low : low + 80 - high] - before[low : low + 80 - high], before[high:80]
    )
    np.testing.assert_allclose(out[20 + 48 : high] - before[20 + 48 : high], before[20:low])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("log2_samples", [-2.0, 4.0])
def test_a_burst_has_no_mean_and_the_drawn_strength(axis, log2_samples):
    flat = np.full((2, *SHAPE), 500.0)
    out = spoil(flat, "noise_burst", axis=axis, amplitude=0.2, log2_samples=log2_samples)
    change = out[MRI] - 500.0
    rms = np.sqrt(np.mean(change**2))
    assert rms == pytest.approx(0.2 * 500 / np.sqrt(2), rel=0.2)
    assert abs(change.mean()) < 0.15 * rms  # second order: a magnitude gains a little


def test_a_spike_makes_stripes_of_the_drawn_period():
    flat = np.full((2, *SHAPE), 500.0)
    out = spoil(flat, "noise_burst", axis=0, log2_samples=-1.0, period_mm=12.0, direction=np.pi / 2)
    power = np.abs(np.fft.fft2(out[MRI] - out[MRI].mean()))
    row, column = np.unravel_index(power[:64].argmax(), power[:64].shape)
    assert (row, column) == (SHAPE[0] * SPACING / 12.0, 0)


def test_a_burst_averages_out_inside_the_head(pair):
    inside = pair[MRI] > 200
    for seed in range(6):
        change = (spoil(pair, "noise_burst", seed=seed)[MRI] - pair[MRI])[inside]
        assert abs(change.mean()) < 0.25 * change.std()


@pytest.mark.parametrize("kind", MRI_KINDS)
def test_a_standardised_mri_is_lifted_first(kind, pair):
    shifted = pair.copy()
    shifted[MRI] -= 500.0
    lift = np.float32(shifted[MRI].min())
    expected = spoil(np.stack([pair[CT], shifted[MRI] - lift]), kind)[MRI] + lift
    np.testing.assert_allclose(spoil(shifted, kind)[MRI], expected, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_metal_makes_bright_and_dark_streaks_beyond_itself(seed, pair):
    out = spoil(pair, "metal_streak", "severe", seed, place=0.5)[CT]
    change = out - pair[CT]
    assert out.max() == pytest.approx(3071.0)
    assert out.min() >= -1024.0
    y, x = np.unravel_index(change.argmax(), SHAPE)
    away = np.hypot(*(np.indices(SHAPE) - np.array([y, x])[:, None, None])) * SPACING
    brain = (pair[CT] > -15) & (pair[CT] < 60) & (away > 20)
    assert change[brain].max() > 20
    assert change[brain].min() < -20
    far = brain & (away > 60)
    assert np.abs(change[far]).mean() < 0.3 * np.abs(change[brain & ~far]).mean()


@pytest.mark.parametrize("direction", [0.0, 1.0, 2.5, 4.0])
def test_metal_lies_where_it_was_drawn(direction, pair):
    values = {"direction": direction, "elongation": 2.0}
    middle = (np.array(SHAPE) - 1) / 2
    ray = np.array([np.sin(direction), np.cos(direction)])
    edge = 72 / np.hypot(1.2 * ray[1], ray[0]) / SPACING  # of the toy head's outline
    for place in (0.4, 0.9):
        out = spoil(pair, "metal_streak", "severe", place=place, **values)[CT]
        metal = np.argwhere(out > 2500)
        np.testing.assert_allclose(metal.mean(axis=0), middle + place * edge * ray, atol=2.0)


def test_metal_darkens_more_in_line_with_bone():
    y, x = np.indices((128, 128)) - 63.5
    pair = np.zeros((2, 128, 128))
    pair[CT] = np.where(np.hypot(x, y) < 60, 40.0, -1000.0)
    beside_bone = pair.copy()
    beside_bone[CT, np.hypot(x - 30, y) < 12] = 1500.0
    where = {"direction": np.pi, "place": 0.6, "elongation": 1.0, "hu": 10000.0}
    change = [spoil(p, "metal_streak", **where)[CT] - p[CT] for p in (pair, beside_bone)]
    between = (np.abs(y) < 3) & (x > -15) & (x < 10)
    assert change[1][between].mean() < change[0][between].mean() - 5


def test_metal_starves_its_rays_of_photons(pair):
    grain = []
    for severity in SEVERITIES:
        artefact = drawn("metal_streak", severity)
        clean = dataclasses.replace(artefact, noise=np.zeros_like(artefact.noise))
        noisy, quiet = (apply_artefact(a, pair, spacing=SPACING)[CT] for a in (artefact, clean))
        grain.append(float((noisy - quiet).std()))
    assert 0 < grain[0] < grain[1] < grain[2]


def test_projection_of_an_ellipse_is_that_of_its_picture_and_reconstructs_to_it():
    for shape in ((128, 128), (200, 150), (90, 101)):
        rays, spacing = Rays(shape, SPACING), SPACING
        y, x = np.indices(shape)
        u = np.cos(0.5) * (x - 60) + np.sin(0.5) * (y - 40)
        v = np.cos(0.5) * (y - 40) - np.sin(0.5) * (x - 60)
        image = 1000.0 * (np.hypot(u / 20, v / 12) < 1)
        drawn_rays = rays.project(image, np.ones((rays.size, N_ANGLES), bool))
        exact = 1000.0 * rays.ellipse(40, 60, 20, 12, 0.5).mean(axis=1)
        assert np.abs(drawn_rays - exact).mean() < 0.02 * exact.max()
        # the longest chord of water-like matter, 0.0193 per mm
        assert exact.max() == pytest.approx(40 * spacing * 0.0193, rel=0.05)
        back = rays.reconstruct(exact)
        assert back[np.hypot(u / 16, v / 8) < 1].mean() == pytest.approx(1000.0, rel=0.03)
        ring = (np.hypot(u / 28, v / 20) > 1) & (np.hypot(u / 34, v / 26) < 1)
        assert np.abs(back[ring]).mean() < 20


def test_bone_darkens_what_lies_between_in_proportion_to_its_square():
    y, x = np.mgrid[-64:64, -64:64]
    ct = np.where(np.hypot(x, y) < 60, 40.0, -1000.0)
    petrous = np.hypot(np.abs(x) - 35, y) < 12
    errors = []
    for hu in (600.0, 1200.0):
        ct[petrous] = hu
        error = beam_hardening(ct, SPACING, strength=0.5)
        np.testing.assert_allclose(2 * error, beam_hardening(ct, SPACING, strength=1.0), atol=1e-3)
        soft = np.hypot(x, y) < 55
        soft &= ~petrous
        assert error[soft].mean() == pytest.approx(0.0, abs=1.0)
        errors.append(error[64, 64] - error[20, 64])
    assert errors[1] < errors[0] < 0
    assert errors[1] == pytest.approx(4 * errors[0], rel=0.05)


def test_bone_leaves_the_level_of_soft_tissue_and_brightens_its_rim(pair):
    error, soft = beam_hardening(pair[CT], SPACING), (pair[CT] > -15) & (pair[CT] < 100)
    assert error[soft].mean() == pytest.approx(0.0, abs=1e-3)
    y, x = (np.indices(SHAPE) - (np.array(SHAPE)[:, None, None] - 1) / 2) * SPACING
    radius = np.hypot(x * 1.2, y)
    assert error[(radius > 50) & (radius < 57)].mean() > error[radius < 30].mean() + 0.5


def test_no_bone_no_hardening(pair):
    without = np.where(pair[CT] > 250, 40.0, pair[CT])
    assert not beam_hardening(without, SPACING).any()
    with_gaps = np.where(pair[CT] < -500, np.nan, pair[CT])
    assert np.isfinite(beam_hardening(with_gaps, SPACING)).all()


@pytest.mark.parametrize("kind", ARTEFACT_KINDS)
def test_phantom_slice(kind, phantom):
    pair, spacing = phantom
    plane = ARTEFACT_KINDS[kind].plane
    rms = []
    for severity in SEVERITIES:
        out = apply_artefact(drawn(kind, severity), pair, spacing=spacing)
        np.testing.assert_array_equal(out[1 - plane], pair[1 - plane])
        rms.append(float(np.std((out - pair)[plane])))
    assert 0 < rms[0] < rms[1] < rms[2]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"pair": np.zeros((3, 8, 8))}, InvalidPairsError, "expected .2, height, width"),
        ({"pair": np.full((2, 8, 8), np.inf)}, InvalidPairsError, "infinity"),
        ({"spacing": 0.0}, ValueError, "spacing is 0.0"),
        ({"ct_units": "HU"}, ValueError, "'hu' .* or 'uint8'"),
    ],
)
def test_wrong_arguments_say_what_was_expected(change, error, words, pair):
    arguments = {"pair": pair, "spacing": 1.0, "ct_units": "hu"} | change
    with pytest.raises(error, match=words):
        apply_artefact(drawn("metal_streak"), arguments.pop("pair"), **arguments)


def test_unknown_kinds_and_severities_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"expected one of .*wrap_around"):
        draw_artefact("zipper", "mild", rng)
    with pytest.raises(ValueError, match=r"expected one of .*mild"):
        draw_artefact("wrap_around", "huge", rng)
