"""Histogram, local contrast, noise and bias: what each is for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.exposure import equalize_hist
from sklearn.base import clone

from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.preprocessing import (
    CLAHE,
    BiasFieldCorrector,
    BrainMask,
    Denoiser,
    HistogramStandardizer,
)
from ctmri_detect.preprocessing.denoise import noise_sd

Y, XX = np.mgrid[-1:1:80j, -1:1:80j]
HEAD = np.hypot(Y, XX) < 0.9


def _tissues(seed, noise=3.0):
    """Three tissues in a disc, both planes."""
    rng = np.random.default_rng(seed)
    r = np.hypot(Y, XX + rng.uniform(-0.05, 0.05))
    clean = np.select([r < 0.3, r < 0.65], [160.0, 110.0], default=70.0)
    X = np.stack([clean, clean]) + rng.normal(0, noise, (2, *Y.shape))
    X[:, ~HEAD] = np.nan
    return X


@pytest.fixture
def X():
    return np.stack([_tissues(i) for i in range(6)])


# histogram ----------------------------------------------------------------------------------


def test_one_tissue_gets_one_value_whatever_the_scanner(X):
    scanners = X.copy()
    scanners[::2, 1] = 40 + 3 * X[::2, 1]
    scanners[1::2, 1] = X[1::2, 1] ** 1.5  # not even linear
    step = HistogramStandardizer().fit(scanners)
    out = step.transform(scanners)[:, 1]
    for low, high in ((150, 170), (100, 120), (60, 80)):
        tissue = (X[:, 1] > low) & (X[:, 1] < high)
        means = [values[where].mean() for values, where in zip(out, tissue, strict=True)]
        assert np.ptp(means) < 0.03
    np.testing.assert_array_equal(out[..., 40, 40] > out[..., 40, 75], True)


def test_the_map_rises_and_ignores_gain_and_offset(X):
    step = HistogramStandardizer(planes="both").fit(X[:4])
    X[5, 1, 30:33, 30:33] = 2000  # a lesion beyond all that was learned
    out = step.transform(X)
    for plane, mapped in zip(X.reshape(-1, 80, 80), out.reshape(-1, 80, 80), strict=True):
        order = np.argsort(plane[HEAD])
        assert (np.diff(mapped[HEAD][order]) >= 0).all()
    assert out[5, 1, 31, 31] > 1.5 * np.nanmax(out[5, 1][X[5, 1] < 1000])
    np.testing.assert_allclose(step.transform(7 * X + 90), out, atol=2e-3)


def test_landmarks_fall_where_they_were_learned(X):
    step = HistogramStandardizer(percentiles=(2, 25, 50, 75, 98)).fit(X)
    assert step.landmarks_.shape == (2, 5)
    assert np.isnan(step.landmarks_[0]).all()
    assert step.landmarks_[1, [0, -1]].tolist() == [0, 1]
    for plane in step.transform(X)[:, 1]:
        own = np.percentile(plane[HEAD], step.percentiles)
        np.testing.assert_allclose(own, step.landmarks_[1], atol=0.01)


def test_samples_without_the_plane_teach_nothing(X):
    some = X.copy()
    some[3:, 1] = np.nan
    np.testing.assert_array_equal(
        HistogramStandardizer().fit(some).landmarks_, HistogramStandardizer().fit(X[:3]).landmarks_
    )
    some[:, 1] = np.nan
    with pytest.raises(InvalidPairsError, match="No sample of X has MRI values"):
        HistogramStandardizer().fit(some)


# local contrast -----------------------------------------------------------------------------


def test_clahe_lifts_local_contrast_and_keeps_the_range(X):
    X[:, 1] += 120 * (np.nan_to_num(XX) > 0)  # one half much brighter
    out = CLAHE().transform(X)
    np.testing.assert_array_equal(out[:, 0], X[:, 0].astype(np.float32))
    for plane, equalised in zip(X[:, 1].astype(np.float32), out[:, 1], strict=True):
        assert np.nanmin(equalised) == np.nanmin(plane)
        assert np.nanmax(equalised) == pytest.approx(np.nanmax(plane), rel=1e-6)
        part = np.s_[35:45, 17:25]  # one tissue's noise
        assert equalised[part].std() > 1.3 * plane[part].std()


def test_clahe_with_one_tile_and_no_limit_is_histogram_equalisation():
    plane = np.random.default_rng(0).gamma(2.0, size=(64, 64)).astype(np.float32)
    out = CLAHE(clip_limit=1e6, tiles=1).transform(np.stack([plane, plane])[None])[0, 1]
    expected = equalize_hist(plane)
    assert np.corrcoef(out.ravel(), expected.ravel())[0, 1] > 0.999


def test_clahe_moves_with_gain_and_offset(X):
    # codes at the border of two of the 256 steps may fall either way
    off = np.abs(CLAHE().transform(4 * X + 1000) - (4 * CLAHE().transform(X) + 1000))[:, :, HEAD]
    assert np.percentile(off, 98) < 0.01


def test_more_limit_is_more_contrast(X):
    spread = [np.nanstd(CLAHE(clip_limit=c).transform(X)[:, 1, 35:45, 35:45]) for c in (1, 3, 8)]
    assert spread[0] < spread[1] < spread[2]


# noise --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["nlm", "tv", "median"])
def test_noise_falls_and_edges_stay(method):
    noisy, clean = _tissues(0, noise=8.0)[None], _tissues(0, noise=0.0)[None]
    out = Denoiser(method=method).transform(noisy)
    before, after = (np.sqrt(np.nanmean((a - clean) ** 2)) for a in (noisy, out))
    assert after < 0.75 * before
    inner, outer = out[0, 1, 38:42, 40:50], out[0, 1, 38:42, 55:60]
    assert inner.mean() - outer.mean() > 35  # of 50


@pytest.mark.parametrize("method", ["nlm", "tv", "median"])
def test_denoising_moves_with_gain_and_offset(method, X):
    X = X[:2]
    out = Denoiser(method=method).transform(X)
    np.testing.assert_allclose(
        Denoiser(method=method).transform(0.01 * X - 3), 0.01 * out - 3, atol=5e-4
    )
    assert np.abs(out - X)[:, :, HEAD].mean() > 0.5


@pytest.mark.parametrize("method", ["nlm", "tv", "median"])
def test_planes_and_strength_count(method, X):
    X = X[:1]
    out = Denoiser(method=method, planes="ct").transform(X)
    np.testing.assert_array_equal(out[:, 1], X[:, 1].astype(np.float32))
    assert not np.array_equal(out[:, 0], X[:, 0].astype(np.float32), equal_nan=True)
    change = [
        np.nanmean(np.abs(Denoiser(method=method, strength=s).transform(X) - X)) for s in (1, 3)
    ]
    assert change[0] < change[1]


@pytest.mark.parametrize("sigma", [0.5, 4.0])
def test_the_noise_is_estimated_whatever_the_picture(sigma):
    plane = _tissues(3, noise=sigma)[0]
    filled = np.nan_to_num(plane, nan=1e4).astype(np.float32)
    assert noise_sd(filled, HEAD) == pytest.approx(sigma, rel=0.12)  # the edges add a little


# bias ---------------------------------------------------------------------------------------


def _white_matter_variation(X, clean):
    """Coefficient of variation over what is white matter in a T1 image without a field."""
    found = []
    for plane, reference in zip(X[:, 1], clean[:, 1], strict=True):
        low, high = np.nanpercentile(reference, [60, 85])
        white = plane[(reference > low) & (reference < high)]
        found.append(white.std() / white.mean())
    return float(np.median(found))


def test_bias_within_white_matter_falls():
    pytest.importorskip("SimpleITK")
    raw = make_phantom_pairs(
        2, 2, size=128, sequence="t1", anomalous_fraction=0, random_state=0
    ).data
    clean = np.asarray(BrainMask().transform(raw))
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    shaded = clean.copy()
    shaded[:, 1] *= np.exp(0.3 * (0.7 * x + 0.5 * y - 0.6 * x * y))
    step = BiasFieldCorrector()
    out = step.transform(shaded)
    np.testing.assert_array_equal(out, clone(step).transform(shaded))  # not by chance
    np.testing.assert_array_equal(out[:, 0], shaded[:, 0])
    without, before, after = (_white_matter_variation(a, clean) for a in (clean, shaded, out))
    assert after - without < 0.3 * (before - without)
    ratio = shaded[:, 1] / out[:, 1]
    for field in ratio:
        assert np.nanmean(np.log(field)) == pytest.approx(0, abs=1e-4)
        # smooth: over one pixel next to nothing happens
        assert np.nanmax(np.abs(np.diff(field, axis=1))) < 0.03
    # a gain is not a field
    np.testing.assert_allclose(step.transform(50 * shaded)[:, 1], 50 * out[:, 1], rtol=1e-3)


def test_values_at_or_below_zero_have_no_say_but_stay(X):
    pytest.importorskip("SimpleITK")
    X[0, 1, 20:24, 20:24] = -5
    out = BiasFieldCorrector(n_iterations=5).transform(X[:1])
    assert (out[0, 1, 20:24, 20:24] < 0).all()
    np.testing.assert_array_equal(np.isnan(out), np.isnan(X[:1]))


def test_without_simpleitk_the_cure_is_named(X, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    with pytest.raises(ImportError, match=r"pip install .*\[itk\]"):
        BiasFieldCorrector().transform(X)


def test_opencv_is_left_with_its_threads(X):
    before = cv2.getNumThreads()
    CLAHE().transform(X)
    assert cv2.getNumThreads() == before
