"""Laws of augmentation: drawn once, applied purely, never beyond its bounds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from heads import make_heads
from sklearn.base import clone

from ctmri_detect.augmentation.augmentation import Augmentation, as_augmentation, no_augmentation
from ctmri_detect.augmentation.variants import KNOTS, source, surface

SHAPE = (40, 36)
STRONG = {
    "flip": 0.5,
    "rotation": 20,
    "zoom": 0.2,
    "shift": 0.1,
    "elastic": 0.08,
    "noise": 0.5,
    "bias_field": 0.5,
    "gamma": 0.5,
    "modality_dropout": 0.5,
    "misregistration": 2,
}
SHARED = ["flip", "rotation", "zoom", "shift", "elastic"]


def only(*names, **values):
    return no_augmentation().set_params(**{name: STRONG[name] for name in names} | values)


def draw(augmentation, n=40, shape=SHAPE, seed=0):
    return augmentation.draw(np.random.default_rng(seed), n, shape)


def pairs(n=40, seed=0, shape=SHAPE):
    """Smooth planes with holes, an edge that was not observed, and each kind of missing plane."""
    rng = np.random.default_rng(seed)
    X = np.stack([[surface(c, shape) for c in rng.normal(size=(2, KNOTS, KNOTS))] for _ in "x" * n])
    X = X.astype(np.float32)
    X[:, :, :4] = np.nan
    X[:, :, 20, 10] = X[:, 1, 25:28, 20:23] = np.nan
    X[0, 0] = X[1, 1] = np.nan
    return X


@pytest.fixture(params=["masked", "filled"])
def X(request):
    X = pairs()
    return X if request.param == "masked" else np.nan_to_num(X)


def same(a, b):
    np.testing.assert_array_equal(a, b)


def test_everything_off_changes_no_bit(X):
    off = no_augmentation()
    assert set(off.get_params().values()) == {0}
    out = off.apply(X, draw(off))
    assert out.tobytes() == X.tobytes()
    assert out is not X
    assert out.dtype == np.float32


def test_flips_are_exact_and_undo_themselves(X):
    always = only(flip=1)
    draws = draw(always)
    once = always.apply(X, draws)
    same(once, X[..., ::-1])
    assert always.apply(once, draws).tobytes() == X.tobytes()
    assert 0 < draw(only("flip")).flip.sum() < 40


@pytest.mark.parametrize("name", [*SHARED, "all"])
def test_geometry_is_one_for_both_planes(X, name):
    X = X[2:]
    X[:, 1] = X[:, 0]
    augmentation = only(*(SHARED if name == "all" else [name]))
    out = augmentation.apply(X, draw(augmentation, 38))
    same(out[:, 0], out[:, 1])
    assert not np.array_equal(out, X, equal_nan=True)


def test_jitter_moves_the_mri_alone(X):
    draws = draw(only("misregistration"))
    out = Augmentation.apply(X, draws)
    assert out[:, 0].tobytes() == X[:, 0].tobytes()
    moved = [not np.array_equal(a, b, equal_nan=True) for a, b in zip(out, X, strict=True)]
    assert moved[0]
    assert all(moved[2:])  # 1 has no MRI
    # on top of the shared geometry the CT takes the very way that it takes without
    both = draw(only(*SHARED, "misregistration"))
    steady = replace(both, jitter=np.zeros_like(both.jitter))
    a, b = Augmentation.apply(X, both), Augmentation.apply(X, steady)
    same(a[:, 0], b[:, 0])
    assert not np.array_equal(a[:, 1], b[:, 1], equal_nan=True)


def test_nan_does_not_spread_and_values_stay_in_range():
    X = pairs()
    augmentation = only(rotation=10, zoom=0.02, shift=0.02, elastic=0.02, misregistration=1)
    out = augmentation.apply(X, draw(augmentation))
    before, after = ((~np.isnan(a)).mean(axis=(2, 3)) for a in (X, out))
    same(before > 0, after > 0)
    assert np.abs(after - before).max() < 0.08
    for a, b in zip(out, X, strict=True):
        for moved, plane in zip(a, b, strict=True):
            if not np.isnan(plane).all():
                room = 1e-5 * np.nanmax(np.abs(plane))
                assert np.nanmin(moved) >= np.nanmin(plane) - room
                assert np.nanmax(moved) <= np.nanmax(plane) + room
    flat = np.where(np.isnan(X), X, np.float32(7))
    moved = augmentation.apply(flat, draw(augmentation))
    np.testing.assert_allclose(moved[~np.isnan(moved)], 7, rtol=1e-6)  # gaps pull nothing down


def test_what_has_no_nan_keeps_none():
    X = np.nan_to_num(pairs())
    augmentation = Augmentation(**STRONG | {"modality_dropout": 0})
    assert np.isfinite(augmentation.apply(X, draw(augmentation))).all()


def test_shifts_go_where_they_say():
    X = np.zeros((1, 2, 9, 9), np.float32)
    X[0, :, 4, 4] = 1
    draws = draw(no_augmentation(), 1, (9, 9))
    out = Augmentation.apply(X, replace(draws, shift=np.array([[2.0, -1.0]])))
    assert np.argwhere(out[0, 0] == 1).tolist() == [[3, 6]]
    out = Augmentation.apply(X, replace(draws, angle=np.array([np.pi / 2])))
    np.testing.assert_allclose(out, X, atol=1e-4)  # the centre stays
    disc = (np.hypot(*(np.mgrid[:41, :41] - 20)) < 8).astype(np.float32) * np.ones((1, 2, 1, 1))
    draws = draw(no_augmentation(), 1, (41, 41))
    larger = Augmentation.apply(disc, replace(draws, zoom=np.array([1.5])))
    assert larger[0, 0].sum() / disc[0, 0].sum() == pytest.approx(1.5**2, rel=0.05)


def test_amplitudes_keep_their_bounds_and_use_them():
    n, side = 4000, min(SHAPE) - 1
    draws = draw(Augmentation(**STRONG), n, (4, 4))
    bounds = {
        "angle": np.deg2rad(20),
        "shift": 0.1 * 3,
        "elastic": 0.08 * 3,
        "bias_field": np.log(1.5),
    }
    for name, bound in bounds.items():
        assert 0.97 * bound < np.abs(getattr(draws, name)).max() <= bound
    for values, top in ((draws.zoom, 1.2), (draws.gamma, 1.5)):
        assert 0.97 * top < values.max() <= top
        assert 1 / top <= values.min() < 1.03 / top
    assert draw(only(noise=np.float64(1)), 2).noise.dtype == np.float32
    assert 1.9 < np.abs(draws.jitter[..., :2]).max() <= 2
    assert np.abs(draws.jitter[..., 2]).max() <= 2 / (3 / 2)
    assert draws.noise.std(axis=(2, 3)).mean() == pytest.approx(0.25, abs=0.03)
    assert np.mean(draws.dropped >= 0) == pytest.approx(0.5, abs=0.05)
    assert np.mean(draws.dropped == 0) == pytest.approx(0.25, abs=0.05)
    assert np.mean(draws.flip) == pytest.approx(0.5, abs=0.05)
    # what a spline does stays within its coefficients
    coefficients = draws.elastic[0, 0] / 3 * side
    assert np.abs(surface(coefficients, SHAPE)).max() <= np.abs(coefficients).max()


def test_a_constant_spline_is_constant_and_a_linear_one_is_linear():
    ramp = np.broadcast_to(np.arange(KNOTS, dtype=float), (KNOTS, KNOTS))
    np.testing.assert_allclose(surface(np.ones((KNOTS, KNOTS)), SHAPE), 1, rtol=1e-5)
    expected = np.broadcast_to(np.linspace(1, 5, SHAPE[1]), SHAPE)
    np.testing.assert_allclose(surface(ramp, SHAPE), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(16, 16), (128, 128), (40, 90)])
def test_the_strongest_warp_does_not_fold(shape):
    rng = np.random.default_rng(0)
    draws = draw(only(elastic=0.12), 1, shape)
    bound = 0.12 * (min(shape) - 1)
    for trial in range(40):
        signs = rng.choice([-1.0, 1.0], (1, 2, KNOTS, KNOTS))
        if trial == 0:  # the worst one along an axis: every knot against its neighbours
            signs = np.broadcast_to(np.where(np.arange(KNOTS) % 2, 1.0, -1.0), signs.shape)
        worst = replace(draws, elastic=bound * signs)[0]
        x, y = source(worst, shape, 0).astype(float)
        (xy, xx), (yy, yx) = np.gradient(x), np.gradient(y)
        assert (xx * yy - xy * yx).min() > 0


def test_bias_is_for_the_mri_and_smooth_and_units_do_not_matter(X):
    augmentation = only("bias_field")
    draws = draw(augmentation)
    out = augmentation.apply(X, draws)
    assert out[:, 0].tobytes() == X[:, 0].tobytes()
    low = np.nanmin(X[2:, 1], axis=(1, 2), keepdims=True)
    gain = (out[2:, 1] - low)[X[2:, 1] > low + 0.1] / (X[2:, 1] - low)[X[2:, 1] > low + 0.1]
    assert gain.max() <= 1.5 * 1.0001
    assert gain.min() >= 1 / 1.5 * 0.9999
    assert gain.std() > 0.05
    every = Augmentation(**STRONG)
    draws = draw(every)
    expected = 100 * every.apply(X, draws) - 30
    np.testing.assert_allclose(every.apply(100 * X - 30, draws), expected, atol=0.02)


def test_gamma_keeps_range_and_order(X):
    augmentation = only("gamma")
    out = augmentation.apply(X, draw(augmentation))
    for moved, plane in zip(out[2:].reshape(-1, 1440), X[2:].reshape(-1, 1440), strict=True):
        seen = ~np.isnan(plane)
        same(seen, ~np.isnan(moved))
        order = np.argsort(plane[seen])
        assert (np.diff(moved[seen][order]) >= 0).all()
        ends = np.sort(plane[seen])[[0, -1]]
        np.testing.assert_allclose(np.sort(moved[seen])[[0, -1]], ends, rtol=1e-5)
        assert np.abs(moved - plane)[seen].max() > 1e-4


def test_noise_is_in_units_of_the_plane_and_only_where_it_was_observed(X):
    draws = draw(only("noise"))
    out = Augmentation.apply(X, draws)
    same(np.isnan(out), np.isnan(X))
    with np.errstate(invalid="ignore"):
        added = (out - X)[2:] / np.nanstd(X[2:], axis=(2, 3), keepdims=True)
    seen = ~np.isnan(added)
    np.testing.assert_allclose(added[seen], draws.noise[2:][seen], atol=1e-4)


def test_dropout_takes_a_plane_only_where_both_are():
    X = pairs()
    always = only(modality_dropout=1)
    draws = draw(always)
    out = always.apply(X, draws)
    lost = np.isnan(out).all(axis=(2, 3))
    assert lost[0].tolist() == [True, False]  # had no CT
    assert lost[1].tolist() == [False, True]
    same(lost[2:].sum(axis=1), np.ones(38))
    assert set(draws.dropped[2:]) == {0, 1}
    same(out[~lost], X[~lost])


def test_no_sample_comes_out_empty():
    X = np.full((200, 2, 12, 12), np.nan, np.float32)
    X[:, 0, 0, :2] = X[:, 1, 11, 11] = 1  # a shift takes these out of the image
    augmentation = Augmentation(**STRONG | {"shift": 0.5, "modality_dropout": 1})
    draws = draw(augmentation, 200, (12, 12))
    assert (np.abs(draws.shift).max(axis=1) > 3).sum() > 50
    assert (~np.isnan(augmentation.apply(X, draws))).any(axis=(1, 2, 3)).all()
    kept = augmentation.apply(X, draws.geometry())
    assert (~np.isnan(kept)).any(axis=(2, 3)).all()


def test_apply_is_pure_and_a_sample_does_not_depend_on_others(X):
    augmentation = Augmentation(**STRONG)
    draws = draw(augmentation)
    assert len(draws) == len(draws[:]) == 40
    before = X.tobytes()
    frozen = X.copy()
    frozen.flags.writeable = False
    out = augmentation.apply(frozen, draws)
    same(augmentation.apply(X, draws), out)
    assert X.tobytes() == before
    order = np.random.default_rng(1).permutation(40)
    same(augmentation.apply(X[order], draws[order]), out[order])
    for i in (2, 17):
        same(augmentation.apply(X[i : i + 1], draws[i : i + 1])[0], out[i])
    same(augmentation.apply(X.astype(np.float64), draws), out)


def test_draws_depend_on_the_generator_alone():
    augmentation = Augmentation(**STRONG)
    state = np.random.get_state()[1].copy()
    first, again, other = (draw(augmentation, seed=s) for s in (1, 1, 2))
    same(np.random.get_state()[1], state)
    for field in fields(first):
        same(getattr(first, field.name), getattr(again, field.name))
        assert not np.array_equal(getattr(first, field.name), getattr(other, field.name))


def test_a_target_of_its_own_lies_where_the_input_lies(X):
    augmentation = Augmentation(**STRONG)
    draws = draw(augmentation)
    geometry = only(*SHARED, "misregistration")
    still = replace(
        draw(geometry), **{n: getattr(draws, n) for n in ("flip", "angle", "zoom", "shift")}
    )
    still = replace(still, elastic=draws.elastic, jitter=draws.jitter)
    same(augmentation.apply(X, draws.geometry()), augmentation.apply(X, still))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3), (5, 5)])
def test_the_smallest_images_pass(shape):
    X = np.random.default_rng(0).normal(size=(20, 2, *shape)).astype(np.float32)
    augmentation = Augmentation(**STRONG | {"modality_dropout": 0})
    assert np.isfinite(augmentation.apply(X, draw(augmentation, 20, shape))).all()
    assert augmentation.apply(X[:0], draw(augmentation, 0, shape)).shape == (0, 2, *shape)


def test_constant_planes_stay_constant_but_for_the_geometry():
    X = np.full((30, 2, 8, 8), 3, np.float32)
    same(Augmentation().apply(X, draw(Augmentation(), 30, (8, 8))), X)


def test_the_default_is_mild():
    X = make_heads(60, seed=4, size=64)
    out = Augmentation(flip=0).apply(X, draw(Augmentation(flip=0), 60, (64, 64)))
    both = ~np.isnan(X) & ~np.isnan(out)
    assert np.corrcoef(X[both], out[both])[0, 1] > 0.9
    assert (~np.isnan(out)).sum() / (~np.isnan(X)).sum() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "bad",
    [
        {"flip": 1.1},
        {"rotation": -1},
        {"rotation": "much"},
        {"zoom": np.nan},
        {"shift": 0.6},
        {"elastic": 0.13},
        {"noise": np.inf},
        {"bias_field": None},
        {"gamma": True},
        {"modality_dropout": 2},
        {"misregistration": -0.5},
    ],
)
def test_bad_parameters_are_named(bad):
    augmentation = Augmentation(**bad)  # only drawing checks
    with pytest.raises(ValueError, match=f"Augmentation's {next(iter(bad))} is"):
        draw(augmentation)


def test_draws_of_other_pairs_are_refused():
    with pytest.raises(ValueError, match=r"X has shape \(3, 2, 40, 36\), but the draws"):
        Augmentation.apply(pairs(3), draw(Augmentation()))


def test_it_is_an_estimator_and_names_stand_for_one():
    augmentation = Augmentation(rotation=3)
    assert clone(augmentation).get_params() == augmentation.get_params()
    assert as_augmentation(augmentation) is augmentation
    assert as_augmentation(None) is None
    assert as_augmentation("default").get_params() == Augmentation().get_params()
    flips = as_augmentation("flip").get_params()
    assert {name for name, value in flips.items() if value} == {"flip"}


def test_it_loads_no_torch():
    code = "import ctmri_detect.augmentation.augmentation, sys; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


ROLES = ("mri", "ct", "mri", "pet")


def many_planes(n=12, n_planes=4):
    fields = np.random.default_rng(1).normal(size=(n, n_planes, KNOTS, KNOTS))
    return np.stack([[surface(c, SHAPE) for c in one] for one in fields]).astype(np.float32)


def test_the_first_ct_stays_and_mri_alone_have_a_bias_field():
    X, rng = many_planes(), np.random.default_rng(0)
    moved = Augmentation.apply(X, only("misregistration").draw(rng, 12, SHAPE, ROLES))
    changed = (moved != X).any(axis=(2, 3))
    assert not changed[:, 1].any()
    assert changed[:, [0, 2, 3]].all()
    draws = only("bias_field").draw(rng, 12, SHAPE, ROLES)
    biased = Augmentation.apply(X, draws)
    assert (biased != X).any(axis=(0, 2, 3)).tolist() == [True, False, True, False]
    assert not np.allclose(draws.bias_field[:, 0], draws.bias_field[:, 2])  # each its own
    noisy = Augmentation.apply(X, only("noise", "gamma").draw(rng, 12, SHAPE, ROLES))
    assert (noisy != X).any(axis=(2, 3)).all()
    nobody = only("bias_field").draw(rng, 12, SHAPE, (None,) * 4)
    same(Augmentation.apply(X, nobody), X)


def test_without_a_ct_the_first_plane_stays_and_one_plane_alone_is_not_jittered():
    X, rng = many_planes(n_planes=2), np.random.default_rng(0)
    moved = Augmentation.apply(X, only("misregistration").draw(rng, 12, SHAPE, ("mri", "mri")))
    assert (moved != X).any(axis=(0, 2, 3)).tolist() == [False, True]
    one = X[:, :1]
    same(Augmentation.apply(one, only("misregistration").draw(rng, 12, SHAPE, ("mri",))), one)


def test_each_plane_of_several_can_be_dropped_and_never_the_last():
    X = many_planes(200)
    X[:50, 1:] = np.nan
    draws = only(modality_dropout=1).draw(np.random.default_rng(0), 200, SHAPE, ROLES)
    out = Augmentation.apply(X, draws)
    lost = np.isnan(out).all(axis=(2, 3)) & ~np.isnan(X).all(axis=(2, 3))
    assert not lost[:50].any()
    assert (lost[50:].sum(axis=1) == 1).all()
    assert (lost[50:].sum(axis=0) > 20).all()
