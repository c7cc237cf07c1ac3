"""The recommended pipeline, on drawn heads and, where they are at hand, on real ones."""

from __future__ import annotations

import numpy as np
import pytest
from real_data import DATA
from sklearn.base import clone

from ctmri_detect.datasets import load_pairs
from ctmri_detect.preprocessing import (
    BrainMask,
    CTWindow,
    HeadAligner,
    MRIScaler,
    make_preprocessor,
)


def _pair(seed, centre=(0.0, 0.0), scale=1.0, size=120):
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    y, x = (y - centre[0]) / scale, (x - centre[1]) / scale
    brain = np.hypot(y / 0.6, x / (0.46 + 0.08 * y)) < 1
    ct = np.full((size, size), -1000.0)
    ct[np.hypot(y / 0.72, x / 0.64) < 1] = 1000
    ct[brain] = 32
    mri = np.where(brain, 100 + 30 * np.cos(5 * y), 5)
    return np.stack([ct, mri]) + np.random.default_rng(seed).normal(0, 3, (2, size, size))


@pytest.fixture
def X():
    places = [((0, 0), 1.0), ((0.1, -0.05), 0.8), ((-0.05, 0.1), 1.1)]
    return np.stack([_pair(i, *place) for i, place in enumerate(places)]).astype(np.float32)


def test_range_dtype_and_shared_mask(X):
    out = make_preprocessor(size=64).fit_transform(X)
    assert out.shape == (3, 2, 64, 64)
    assert out.dtype == np.float32
    assert np.nanmin(out) >= 0
    assert np.nanmax(out) <= 1
    np.testing.assert_array_equal(np.isnan(out[:, 0]), np.isnan(out[:, 1]))
    areas = np.isfinite(out[:, 0]).sum(axis=(1, 2))
    assert areas.max() / areas.min() < 1.06  # size and place are gone


@pytest.mark.parametrize("units", ["hu", "uint8"])
def test_samples_do_not_depend_on_each_other_or_on_fit(units, X):
    if units == "uint8":
        X[:, 0] = np.clip(X[:, 0] / 80 * 255, 0, 255)
    pipe = make_preprocessor(units, size=64)
    together = pipe.fit_transform(X)
    alone = clone(pipe).fit(X[2:]).transform(X[1:2])
    np.testing.assert_array_equal(alone[0], together[1])


def test_read_only_memmap_and_float64_give_the_same(X, tmp_path):
    pipe = make_preprocessor(size=64).fit(X)
    expected = pipe.transform(X)
    np.save(tmp_path / "x.npy", X)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(pipe.transform(stored), expected)
    np.testing.assert_array_equal(stored, X)
    np.testing.assert_array_equal(pipe.transform(X.astype(np.float64)), expected)


def test_gain_of_the_scanner_does_not_matter(X):
    pipe = make_preprocessor(size=64).fit(X)
    brighter = X.copy()
    brighter[:, 1] = brighter[:, 1] * 7 + 50
    np.testing.assert_allclose(pipe.transform(brighter), pipe.transform(X), atol=1e-3)


def test_a_map_walks_back_onto_the_brain(X):
    pipe = make_preprocessor(size=64).fit(X)
    masked = pipe[:2].transform(X)
    aligned = pipe[2].transform(masked)
    back = pipe[2].inverse_transform_map(aligned, masked)
    both = np.isfinite(back) & np.isfinite(masked)
    assert both.sum() / np.isfinite(masked).sum() > 0.95
    assert np.abs(back[:, 0] - masked[:, 0])[both[:, 0]].mean() < 0.1


@pytest.mark.parametrize("arguments", [{"ct_units": "grey"}, {"size": 0}, {"size": "big"}])
def test_bad_arguments_are_refused_at_the_call(arguments):
    with pytest.raises(ValueError, match="expected"):
        make_preprocessor(**arguments)


@pytest.mark.parametrize("step", [BrainMask(), CTWindow(), HeadAligner(), MRIScaler()])
def test_constructors_only_remember(step):
    again = clone(step)
    assert again.get_params() == step.get_params()
    assert vars(again).keys() == step.get_params().keys()


def test_real_pairs_come_out_centred_and_upright():
    folder = DATA / "brain_pairs"
    if not folder.exists():
        pytest.skip("no real images at hand")
    X = load_pairs(folder).data[8:90:6]
    out = make_preprocessor("uint8").fit_transform(X)
    observed = np.isfinite(out[:, 0])
    overlap = (observed & observed[..., ::-1]).sum((1, 2)) / observed.sum((1, 2))
    assert np.median(overlap) > 0.93
    assert observed.mean(axis=(1, 2)).min() > 0.2
    assert abs(np.nanmedian(out[:, 1]) - 0.5) < 0.02
