"""Laws that hold for every preprocessing step, from one list of them."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from ctmri_detect.exceptions import BrainNotFoundWarning, InvalidPairsError
from ctmri_detect.preprocessing import (
    CLAHE,
    BiasFieldCorrector,
    BrainMask,
    CropOrPad,
    CTWindow,
    Denoiser,
    HeadAligner,
    HistogramStandardizer,
    MRIScaler,
    PairRegistrar,
    Resize,
)
from ctmri_detect.testing import step_checks

# a sample without MRI has no mask from the MRI, and odd samples have no brain
pytestmark = pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.BrainNotFoundWarning")

HEIGHT, WIDTH = 72, 60

STEPS = {
    "mask": BrainMask(),
    "mask-mri": BrainMask(source="mri"),
    "mask-observed": BrainMask(source="observed"),
    "window": CTWindow(),
    "window-several": CTWindow(window=("brain", (600, 2800))),
    "scaler": MRIScaler(),
    "scaler-zscore": MRIScaler(method="zscore"),
    "scaler-percentile": MRIScaler(method="percentile"),
    "histogram": HistogramStandardizer(planes="both"),
    "clahe": CLAHE(planes="both"),
    "nlm": Denoiser(),
    "tv": Denoiser(method="tv"),
    "median": Denoiser(method="median", strength=2),
    "aligner": HeadAligner(size=64),
    "resize": Resize(size=(48, 80)),
    "crop": CropOrPad(size=(64, 80)),
    "crop-observed": CropOrPad(size=(80, 56), centre="observed"),
}
if importlib.util.find_spec("SimpleITK"):
    STEPS["bias"] = BiasFieldCorrector(n_iterations=5)
    STEPS["registrar"] = PairRegistrar(max_shift=4)
MOVES = [name for name, step in STEPS.items() if hasattr(step, "inverse_transform_map")]
KEEPS_GRID = [name for name in STEPS if name not in MOVES]
KEEPS_NAN = [name for name in KEEPS_GRID if not name.startswith(("mask", "registrar"))]
LEARNS = ["histogram"]
CHECKS = dict(step_checks())
del CHECKS["order_and_batch"]  # below, also with samples that lack a plane
NAME = {id(step): name for name, step in STEPS.items()}

every = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def only(names):
    return pytest.mark.parametrize("step", [STEPS[name] for name in names], ids=names)


def _pair(seed, down, right):
    """A head with skull and air, in Hounsfield units, the MRI brighter in the middle."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    y, x = (y - HEIGHT / 2 + 0.5 - down) / 30, (x - WIDTH / 2 + 0.5 - right) / 30
    brain = np.hypot(y / 0.8, x / (0.62 + 0.08 * y)) < 1
    ct = np.full(y.shape, -1000.0)
    ct[np.hypot(y / 0.95, x / 0.82) < 1] = 1000
    ct[brain] = 32
    mri = np.where(brain, 100 + 30 * np.cos(5 * y) + 20 * (np.abs(x) < 0.2), 5)
    return np.stack([ct, mri]) + np.random.default_rng(seed).normal(0, 3, (2, *y.shape))


@pytest.fixture(scope="module")
def X():
    places = [(0, 0), (3, -2), (-2, 3), (1, 1), (0, -3)]
    X = np.stack([_pair(i, *place) for i, place in enumerate(places)]).astype(np.float32)
    X[:, :, :2] = np.nan  # outside the field of view
    X[1, 1, :, :6] = np.nan  # the MRI's is smaller
    X[2, 1, 30, 30] = np.nan
    X[3, 0] = np.nan
    X[4, 1] = np.nan
    X.setflags(write=False)
    return X


@every
def test_pairs_in_pairs_out_and_the_input_is_left_alone(step, X):
    before = X.copy()
    out = clone(step).fit_transform(X)
    assert out.dtype == np.float32
    assert out.shape[:2] == X.shape[:2]
    assert out.ndim == 4
    assert not np.isinf(out).any()
    assert np.isfinite(out).any(axis=(1, 2, 3)).all()
    assert_array_equal(X, before)
    assert not np.shares_memory(out, X)
    # unlike what came in, so that a step that does nothing is seen; two have nothing to do here:
    # the mask is what was observed, and the MRI lies where it should
    still = [STEPS[name] for name in ("mask-observed", "registrar") if name in STEPS]
    assert any(step is each for each in still) or not np.array_equal(out, X, equal_nan=True)


@every
def test_order_company_and_blocks_change_nothing(step, X):
    fitted = clone(step).fit(X)
    together = fitted.transform(X)
    assert_array_equal(fitted.transform(X[::-1])[::-1], together)
    for i in range(len(X)):
        assert_array_equal(fitted.transform(X[i : i + 1])[0], together[i])
    many = np.tile(X, (14, 1, 1, 1))[:67]  # more than one block
    assert_array_equal(fitted.transform(many)[-2:], together[[0, 1]])


@every
def test_a_missing_plane_stays_missing(step, X):
    out = clone(step).fit_transform(X)
    assert np.isnan(out[3, 0]).all()
    assert np.isnan(out[4, 1]).all()
    assert np.isfinite(out[3, 1]).any()
    assert np.isfinite(out[4, 0]).any()


@only(KEEPS_NAN)
def test_what_was_observed_stays_observed_and_gaps_do_not_spread(step, X):
    assert_array_equal(np.isnan(clone(step).fit_transform(X)), np.isnan(X))


@only(KEEPS_NAN)
def test_what_was_not_observed_has_no_say(step, X):
    fitted = clone(step).fit(X)
    padding = ((0, 0), (0, 0), (5, 11), (8, 3))
    padded = np.pad(X, padding, constant_values=np.nan)
    expected = np.pad(fitted.transform(X), padding, constant_values=np.nan)
    assert_array_equal(fitted.transform(padded), expected)


@only(MOVES)
def test_one_gap_costs_about_one_pixel(step, X):
    whole, gap = X[:1].copy(), X[:1].copy()
    gap[0, 1, 35, 30] = np.nan
    fitted = clone(step).fit(whole)
    lost = np.isfinite(fitted.transform(whole)).sum() - np.isfinite(fitted.transform(gap)).sum()
    assert 0 <= lost <= 4


@every
@pytest.mark.parametrize("check", [pytest.param(c, id=name) for name, c in CHECKS.items()])
def test_every_step_keeps_the_laws(step, check, X):
    check(step, X[:3])


@every
def test_only_what_learns_needs_a_fit(step, X):
    learns = NAME[id(step)] in LEARNS
    assert get_tags(step).requires_fit == learns
    expected = clone(step).fit_transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", BrainNotFoundWarning)
        if learns:
            with pytest.raises(NotFittedError, match=rf"{type(step).__name__} learns.*Call fit"):
                clone(step).transform(X)
        else:
            assert_array_equal(clone(step).transform(X), expected)
            assert_array_equal(make_pipeline(clone(step), clone(step))[:1].transform(X), expected)
    assert_array_equal(make_pipeline(clone(step)).fit(X).transform(X), expected)


@pytest.mark.parametrize(
    ("step", "name"), [(step, name) for step in STEPS.values() for name in step.get_params()]
)
@pytest.mark.parametrize("value", ["nonsense", -1, ()])
def test_a_bad_parameter_is_named_by_fit_and_transform(step, name, value, X):
    if isinstance(step, CTWindow) and name == "level" and value == -1:
        pytest.skip("a level may be any number")
    said = rf"^{type(step).__name__}'s {name} is .*; expected"
    bad = clone(step).set_params(**{name: value})
    with pytest.raises(ValueError, match=said):
        bad.fit(X)
    fitted = clone(step).fit(X).set_params(**{name: value})
    with pytest.raises(ValueError, match=said):
        fitted.transform(X)


@only(MOVES)
def test_a_bright_spot_walks_back_to_its_place(step, X):
    X = X.copy()
    X[:, :, 45:48, 33:36] = np.where(np.isnan(X[:, :, 45:48, 33:36]), np.nan, 5000)
    fitted = clone(step).fit(X)
    maps = np.nan_to_num(fitted.transform(X), nan=-1)
    for back in (
        fitted.inverse_transform_map(maps, X),
        fitted.inverse_transform_map(maps[:, 0], X),
    ):
        assert back.dtype == np.float32
        assert back.shape[-2:] == (HEIGHT, WIDTH)
    seen = fitted.inverse_transform_map(maps.max(axis=1), X)
    for each in seen:
        bright = np.argwhere(each > 0.6 * np.nanmax(each))
        assert np.abs(bright.mean(axis=0) - (46, 34)).max() < 1


@only(MOVES)
def test_maps_that_do_not_belong_to_X_are_refused(step, X):
    fitted = clone(step).fit(X)
    grid = fitted.transform(X).shape[2:]
    for shape in [(len(X) - 1, *grid), (len(X), grid[0] + 1, grid[1]), grid]:
        with pytest.raises(InvalidPairsError, match=rf"expected \({len(X)}, {grid[0]}, "):
            fitted.inverse_transform_map(np.zeros(shape), X)


def _constant():
    return np.full((1, 2, 40, 24), 30, np.float32)


def _one_pixel():
    X = np.full((1, 2, 24, 40), np.nan, np.float32)
    X[0, :, 11, 22] = 30
    return X


def _two_values():
    X = _constant()
    X[0, :, 20, 12] = 60
    return X


@pytest.mark.parametrize("make", [_constant, _one_pixel, _two_values])
@every
def test_odd_samples_go_through(step, make, X):
    odd = make()
    fitted = clone(step).fit(X)
    with np.errstate(all="raise", under="ignore"):
        out = fitted.transform(odd)
    assert not np.isinf(out).any()
    if NAME[id(step)] in KEEPS_NAN:
        assert_array_equal(np.isnan(out), np.isnan(odd))
    elif make is not _one_pixel:  # half an output pixel and less may vanish
        assert np.isfinite(out).any()


@only(["mask"])
def test_the_warning_names_rows_of_X_across_blocks(step, X):
    many = np.tile(X[:1], (150, 1, 1, 1))
    bad = [3, 70, 149]
    many[bad, 0] = -1000
    with pytest.warns(BrainNotFoundWarning, match=r"3 of 150 samples \(3, 70, 149\)") as caught:
        step.transform(many)
    assert len(caught) == 1
