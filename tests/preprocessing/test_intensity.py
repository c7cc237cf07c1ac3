"""The CT window and the scaling of the MRI."""

from __future__ import annotations

import numpy as np
import pytest

from ctmri_detect.preprocessing import CT_WINDOWS, CTWindow, MRIScaler


@pytest.fixture
def X():
    X = np.random.default_rng(0).gamma(2.0, 30.0, size=(4, 2, 24, 24)).astype(np.float32)
    X[:, :, :4] = np.nan
    X[2, 1, 10, 10] = np.nan
    return X


def test_window_ends_and_middle():
    X = np.zeros((1, 2, 1, 5))
    X[0, 0, 0] = [-1000, 0, 40, 80, 3000]
    np.testing.assert_allclose(CTWindow().fit_transform(X)[0, 0, 0], [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(
        CTWindow(level=20, width=40).fit_transform(X)[0, 0, 0], [0, 0, 1, 1, 1]
    )


def _shown(hu, **parameters):
    X = np.zeros((1, 2, 1, len(hu)))
    X[0, 0, 0] = hu
    return CTWindow(**parameters).transform(X)[0, 0, 0]


def test_the_usual_windows_are_there():
    assert CT_WINDOWS["brain"] == (40, 80)
    assert CT_WINDOWS["stroke"] == (40, 40)
    assert {"subdural", "bone"} < set(CT_WINDOWS)
    assert _shown([200], window="subdural")[0] == 1 > _shown([200], window="bone")[0]
    assert _shown([80], window="subdural")[0] < _shown([80], window="brain")[0]


@pytest.mark.parametrize("name", CT_WINDOWS)
def test_named_windows_are_level_and_width(name):
    level, width = CT_WINDOWS[name]
    hu = np.linspace(-1000, 3000, 500)
    expected = _shown(hu, level=level, width=width)
    np.testing.assert_allclose(_shown(hu, window=name), expected)
    np.testing.assert_allclose(_shown(hu, window=[level, width]), expected)
    ends = [level - width / 2, level, level + width / 2]
    np.testing.assert_allclose(_shown(ends, window=name), [0, 0.5, 1])


def test_several_windows_are_averaged_and_rise_in_each():
    hu = np.linspace(-800, 2000, 1401)
    both = _shown(hu, window=("brain", (600, 2800)))
    np.testing.assert_allclose(
        both, (_shown(hu) + _shown(hu, window="bone")) / 2, rtol=1e-6, atol=1e-7
    )
    assert (np.diff(both) > 0).all()
    np.testing.assert_array_equal(_shown(hu, window=["brain"]), _shown(hu))


@pytest.mark.parametrize(
    "window", ["lung", (40, 0), (), ("brain", "lung"), (40, 80, 20), {"brain": 1}, (40, np.nan)]
)
def test_bad_windows_are_refused(window, X):
    with pytest.raises(ValueError, match=r"^CTWindow's window is .*expected"):
        CTWindow(window=window).transform(X)
    with pytest.raises(ValueError, match=r"^CTWindow's window is .*units='uint8'"):
        CTWindow(window="brain", units="uint8").fit(X)


def test_exported_window_equals_the_window_of_hu(X):
    exported = X.copy()
    exported[:, 0] = np.clip(X[:, 0] / 80, 0, 1) * 255
    np.testing.assert_allclose(
        CTWindow(units="uint8").fit_transform(exported)[:, 0],
        CTWindow().fit_transform(X)[:, 0],
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "step", [CTWindow(), MRIScaler(), MRIScaler(method="zscore"), MRIScaler(method="percentile")]
)
def test_each_touches_its_own_plane_and_keeps_gaps(step, X):
    out = step.fit_transform(X)
    other = 1 if isinstance(step, CTWindow) else 0
    np.testing.assert_array_equal(out[:, other], X[:, other])
    np.testing.assert_array_equal(np.isnan(out), np.isnan(X))
    own = out[:, 1 - other]
    assert np.nanmin(own) >= 0
    assert np.nanmax(own) <= 1
    assert out.dtype == np.float32


@pytest.mark.parametrize("method", ["iqr", "zscore", "percentile"])
@pytest.mark.parametrize(("gain", "shift"), [(1, 500), (0.01, 0), (40, -300)])
def test_gain_and_offset_of_the_mri_do_not_matter(gain, shift, method, X):
    step = MRIScaler(method=method)
    scaled = step.fit_transform(X)
    np.testing.assert_allclose(step.fit_transform(gain * X + shift)[:, 1], scaled[:, 1], atol=2e-4)


def test_what_the_other_methods_scale_to(X):
    z = MRIScaler(clip=20, method="zscore").transform(X)[:, 1].reshape(4, -1)
    np.testing.assert_allclose(np.nanmean(z, axis=1), 0.5, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(z, axis=1), 1 / 40, rtol=1e-3)
    share = MRIScaler(method="percentile", percentiles=(10, 80)).transform(X)[:, 1]
    seen = np.isfinite(share).sum(axis=(1, 2))
    np.testing.assert_allclose((share == 0).sum(axis=(1, 2)) / seen, 0.1, atol=0.01)
    np.testing.assert_allclose((share == 1).sum(axis=(1, 2)) / seen, 0.2, atol=0.01)
    whole = MRIScaler(method="percentile", percentiles=(0, 100)).transform(X)[0, 1]
    low, high = np.nanmin(X[0, 1]), np.nanmax(X[0, 1])
    np.testing.assert_allclose(whole, (X[0, 1] - low) / (high - low), atol=1e-6)


def test_median_and_spread_of_the_scaled_mri(X):
    out = MRIScaler(clip=4).fit_transform(X)[:, 1].reshape(4, -1)
    np.testing.assert_allclose(np.nanmedian(out, axis=1), 0.5, atol=1e-3)
    quartiles = np.nanpercentile(out, [25, 75], axis=1)
    np.testing.assert_allclose(quartiles[1] - quartiles[0], 1.349 / 8, rtol=1e-3)


def test_a_bright_lesion_stays_brighter(X):
    X[0, 1, 12:15, 12:15] = 1e4
    assert (MRIScaler().fit_transform(X)[0, 1, 12:15, 12:15] == 1).all()


@pytest.mark.parametrize("method", ["iqr", "zscore", "percentile"])
def test_constant_missing_and_nearly_constant_mri(method):
    X = np.zeros((3, 2, 8, 8), dtype=np.float32)
    X[0, 1] = 7
    X[1, 1] = np.nan
    X[2, 1, 0, 0] = 5
    out = MRIScaler(method=method).fit_transform(X)
    assert (out[0, 1] == 0.5).all()
    assert np.isnan(out[1, 1]).all()
    assert out[2, 1, 0, 0] > out[2, 1, 1, 1]
    assert np.isfinite(out[2, 1]).all()


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (CTWindow(width=0), "width"),
        (CTWindow(level="40"), "level"),
        (CTWindow(units="HU"), "units"),
        (MRIScaler(clip=-1), "clip"),
        (MRIScaler(clip=None), "clip"),
        (MRIScaler(method="IQR"), "method"),
        (MRIScaler(percentiles=(99, 1)), "percentiles"),
        (MRIScaler(percentiles=(-1, 99)), "percentiles"),
    ],
)
def test_bad_parameters_are_refused_in_fit(step, name, X):
    with pytest.raises(ValueError, match=f"{name} is .*expected"):
        step.fit(X)
