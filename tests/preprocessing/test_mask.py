"""The brain mask as a step, and what it falls back to."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ctmri_detect.exceptions import BrainNotFoundWarning, InvalidPairsError
from ctmri_detect.preprocessing import (
    BrainMask,
    CTWindow,
    apply_masks,
    make_preprocessor,
    transform_to,
)

Y, XX = np.mgrid[-1:1:96j, -1:1:96j]
BRAIN = np.hypot(Y / 0.62, XX / 0.5) < 1
SKULL = (np.hypot(Y / 0.74, XX / 0.62) < 1) & ~BRAIN


def _pair(skull=True):
    rng = np.random.default_rng(0)
    ct = np.where(BRAIN, 32.0, -1000.0)
    if skull:
        ct[SKULL] = 1000
    mri = np.where(BRAIN, 100.0, 2.0)
    return np.stack([ct, mri]) + rng.normal(0, 1, (2, 96, 96))


def test_outside_is_unobserved_in_both_planes_and_inside_is_kept():
    X = _pair()[None]
    out = BrainMask().fit_transform(X)
    kept = np.isfinite(out[0])
    np.testing.assert_array_equal(kept[0], kept[1])
    assert 2 * (kept[0] & BRAIN).sum() / (kept[0].sum() + BRAIN.sum()) > 0.96
    np.testing.assert_array_equal(out[0][kept], X[0][kept].astype(np.float32))
    assert out.dtype == np.float32


def test_dilation_grows_the_mask():
    X = _pair()[None]
    area = [np.isfinite(BrainMask(dilation=d).fit_transform(X)[0, 0]).sum() for d in (0, 1, 4)]
    assert area[0] < area[1] < area[2]


def test_one_warning_names_all_samples_without_a_brain():
    vertex = _pair()
    vertex[0, BRAIN] = 1000  # nothing but bone
    X = np.stack([_pair(), vertex, _pair()] * 40)
    with pytest.warns(BrainNotFoundWarning) as caught:
        out = BrainMask().fit_transform(X)
    assert len(caught) == 1
    assert "40 of 120 samples (1, 4, 7," in str(caught[0].message)
    kept, head = np.isfinite(out[1, 0]), BRAIN | SKULL
    assert 2 * (kept & head).sum() / (kept.sum() + head.sum()) > 0.96


def test_where_the_skull_was_removed_the_head_is_the_brain():
    X = np.stack([_pair(skull=False)] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = BrainMask().fit_transform(X)
        exported = X.copy()
        exported[:, 0] = _window(X[:, 0])
        np.testing.assert_array_equal(
            np.isfinite(BrainMask("uint8").fit_transform(exported)), np.isfinite(out)
        )
    kept = np.isfinite(out[1, 0])
    assert 2 * (kept & BRAIN).sum() / (kept.sum() + BRAIN.sum()) > 0.96


def _window(hu):
    """As a brain window is exported: 0 to 80 HU as 0 to 255."""
    return np.clip(hu, 0, 80) / 80 * 255


WRONG = {
    "inverted": ("uint8", lambda hu: 255 - _window(hu)),
    "inverted HU": ("hu", lambda hu: -hu),
    "8 bits for HU": ("hu", _window),
    "HU for 8 bits": ("uint8", lambda hu: hu),
    "HU without air for 8 bits": ("uint8", lambda hu: np.clip(hu, 0, None)),
    "12 bits for 8": ("uint8", lambda hu: 16 * _window(hu)),
    "16 bits for 8": ("uint8", lambda hu: 257 * _window(hu)),
    "HU + 1024": ("hu", lambda hu: hu + 1024),
    "unsigned 16 bits for HU": ("hu", lambda hu: 32768 + hu),
    "prepared for HU": ("hu", lambda hu: _window(hu) / 255),
    "prepared for 8 bits": ("uint8", lambda hu: _window(hu) / 255),
    "prepared and masked": ("hu", lambda hu: np.where(BRAIN, _window(hu) / 255, np.nan)),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("n", [2, 70])
def test_a_ct_that_is_not_what_was_said_is_an_error(what, n, tmp_path):
    units, export = WRONG[what]
    X = np.stack([_pair()] * n)
    X[:, 0] = export(X[:, 0])
    for run in (
        lambda: make_preprocessor(units, size=32).fit_transform(X),
        lambda: make_preprocessor(units, size=32).transform(X),
        lambda: transform_to(BrainMask(units), X, tmp_path / "prepared.npy"),
    ):
        with pytest.raises(InvalidPairsError, match=rf"{n} samples|{n} of {n}|64 samples") as error:
            run()
        assert units in str(error.value)
        assert list(tmp_path.iterdir()) == []  # nothing that looks like a result


def test_one_slice_without_a_brain_is_no_reason_to_stop():
    with pytest.warns(BrainNotFoundWarning, match="1 of 1"):
        BrainMask("uint8").transform(np.stack([255 - _window(_pair())]))


def test_padding_and_metal_are_hounsfield_units():
    X = np.stack([_pair()] * 3)
    corner = np.hypot(Y, XX) > 1
    for pair, padding in zip(X, (-1024, -2000, -32768), strict=True):
        pair[0, corner] = padding
        pair[0, 20:26, 40:46] = 30000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = make_preprocessor("hu", size=64).fit_transform(X)
    assert np.isfinite(out).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("step", [BrainMask("uint8"), CTWindow(units="uint8")])
def test_a_few_pixels_beyond_the_range_are_no_error_and_more_name_their_rows(step):
    X = np.stack([_pair()] * 70)
    X[:, 0] = _window(X[:, 0])
    X[:, 0, :1, :90] = 300  # 0.98 % of the pixels, as resizing overshoots
    step.fit(X).transform(X)
    X[[65, 69], 0, :2] = 300
    with pytest.raises(InvalidPairsError, match=r"row 64 of X.* 2 samples \(1, 5\).*'uint8'"):
        step.transform(X)


def test_nothing_but_air_keeps_what_was_observed():
    X = np.full((1, 2, 32, 32), -1000.0)
    X[0, :, :5] = np.nan
    with pytest.warns(BrainNotFoundWarning, match=r"1 of 1 samples \(0\)"):
        out = BrainMask().fit_transform(X)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(X))


def test_without_ct_the_head_of_the_mri_is_kept():
    X = _pair()[None]
    X[:, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = BrainMask().fit_transform(X)
    kept = np.isfinite(out[0, 1])
    assert 2 * (kept & BRAIN).sum() / (kept.sum() + BRAIN.sum()) > 0.96
    assert np.isnan(out[0, 0]).all()


def test_without_mri_the_ct_is_masked():
    X = _pair()[None]
    both = BrainMask().fit_transform(X)
    X[:, 1] = np.nan
    np.testing.assert_array_equal(BrainMask().fit_transform(X)[:, 0], both[:, 0])


def test_source_chooses_the_plane():
    ct, mri = _pair()
    mri = np.roll(mri, 6, axis=1)
    X = np.stack([ct, mri])[None]
    kept = {s: np.isfinite(BrainMask(source=s).transform(X)) for s in ("auto", "ct", "mri")}
    np.testing.assert_array_equal(kept["auto"], kept["ct"])
    moved = np.roll(BRAIN, 6, axis=1)
    assert (kept["ct"][0, 0] & BRAIN).sum() > (kept["ct"][0, 0] & moved).sum()
    assert (kept["mri"][0, 0] & BRAIN).sum() < (kept["mri"][0, 0] & moved).sum()
    np.testing.assert_array_equal(kept["mri"][0, 0], kept["mri"][0, 1])


@pytest.mark.parametrize(("source", "lost"), [("ct", 0), ("mri", 1)])
def test_a_sample_without_the_source_keeps_what_was_observed_and_is_named(source, lost):
    X = np.stack([_pair(), _pair()])
    X[1, lost] = np.nan
    X[1, :, :9] = np.nan
    with pytest.warns(BrainNotFoundWarning, match=r"1 of 2 samples \(1\)"):
        out = BrainMask(source=source).transform(X)
    np.testing.assert_array_equal(np.isnan(out[1]), np.isnan(X[1]))
    assert np.isnan(out[0]).any()


def test_given_masks_stay_as_they_are_through_the_pipeline():
    X = np.stack([_pair(), _pair(skull=False)]).astype(np.float32)
    masks = np.stack([BRAIN, np.roll(BRAIN, 3, axis=0)])
    given = apply_masks(X, masks)
    for i in range(2):
        np.testing.assert_array_equal(given[i][:, masks[i]], X[i][:, masks[i]])
        assert np.isnan(given[i][:, ~masks[i]]).all()
    assert np.isfinite(X).all()
    pipe = make_preprocessor(size=96).set_params(brainmask__source="observed")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        masked = pipe[:1].fit(given).transform(given)
        np.testing.assert_array_equal(masked, given)
        assert np.isfinite(pipe.fit_transform(given)).any(axis=(1, 2, 3)).all()


def test_masks_that_do_not_fit_are_refused():
    X = np.stack([_pair(), _pair()])
    with pytest.raises(InvalidPairsError, match="expected"):
        apply_masks(X, np.ones((2, 5, 5), bool))
    with pytest.raises(InvalidPairsError, match=r"1 samples \(1\)"):
        apply_masks(X, np.stack([BRAIN, np.zeros_like(BRAIN)]))


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (BrainMask(ct_units="uint16"), "ct_units"),
        (BrainMask(dilation=-1), "dilation"),
        (BrainMask(dilation=1.5), "dilation"),
    ],
)
def test_bad_parameters_are_refused_in_fit(step, name):
    with pytest.raises(ValueError, match=f"{name} is .*expected"):
        step.fit(_pair()[None])
