"""Laws of the robust line between a prediction and the image at hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect.imageops.recalibrate import recalibrate

RNG = np.random.default_rng(0)
N = 500
MEAN = RNG.normal(size=N).astype(np.float32)
VARIANCE = RNG.uniform(0.005, 0.02, N).astype(np.float32)
NOISE = (np.sqrt(VARIANCE) * RNG.normal(size=N)).astype(np.float32)


@pytest.mark.parametrize(("offset", "slope"), [(0, 1), (0.3, 1.2), (-5, 0.6), (100, 1.9)])
def test_a_line_is_recovered(offset, slope):
    line = (offset + slope * MEAN).astype(np.float32)
    assert_allclose(recalibrate(line, MEAN, VARIANCE), line, atol=1e-4)
    assert_allclose(recalibrate(line + NOISE, MEAN, VARIANCE), line, atol=0.05)


@pytest.mark.parametrize("amount", [2.0, -2.0, 20.0])
@pytest.mark.parametrize("where", ["anywhere", "bright end"])
def test_a_fifth_of_outliers_moves_it_little(amount, where):
    line = (0.3 + 1.2 * MEAN).astype(np.float32)
    odd = np.zeros(N, bool)
    odd[np.argsort(MEAN)[-N // 5 :] if where == "bright end" else RNG.permutation(N)[: N // 5]] = (
        True
    )
    if where == "bright end":
        odd &= RNG.random(N) < 0.3
    observed = np.where(odd, line + amount, line + NOISE).astype(np.float32)
    error = np.abs(recalibrate(observed, MEAN, VARIANCE) - line)[~odd]
    weights = 1 / VARIANCE
    plain = np.polynomial.Polynomial.fit(MEAN, observed, 1, w=np.sqrt(weights))(MEAN)
    assert error.mean() < 0.3 * np.abs(plain - line)[~odd].mean()
    assert error.max() < 0.12


def test_it_follows_the_units_of_both():
    observed = (0.3 + 1.2 * MEAN + NOISE).astype(np.float32)
    fitted = recalibrate(observed, MEAN, VARIANCE)
    assert_allclose(recalibrate(observed + 7, MEAN, VARIANCE), fitted + 7, atol=1e-4)
    assert_allclose(recalibrate(observed, MEAN - 9, VARIANCE), fitted, atol=1e-4)
    assert_allclose(recalibrate(8 * observed, 8 * MEAN, 64 * VARIANCE), 8 * fitted, rtol=1e-4)
    order = RNG.permutation(N)
    moved = recalibrate(observed[order], MEAN[order], VARIANCE[order])
    assert_allclose(moved, fitted[order], atol=1e-6)


@pytest.mark.parametrize(("slope", "bound"), [(5.0, 2.0), (0.1, 0.5), (-1.0, 0.5)])
def test_the_slope_stays_that_of_a_scanner(slope, bound):
    fitted = recalibrate((slope * MEAN).astype(np.float32), MEAN, np.full(N, 100, np.float32))
    got = np.polyfit(MEAN, fitted, 1)[0]
    assert got == pytest.approx(bound, rel=1e-3)


def test_certain_pixels_count_more():
    observed = np.where(np.arange(N) % 2, MEAN + 1, MEAN).astype(np.float32)
    variance = np.where(np.arange(N) % 2, 1e-4, 100).astype(np.float32)
    assert_allclose(recalibrate(observed, MEAN, variance), MEAN + 1, atol=1e-2)


def test_a_prediction_that_does_not_vary_takes_the_offset():
    constant = np.full(N, 3, np.float32)
    fitted = recalibrate(NOISE + 8, constant, VARIANCE)
    assert_allclose(fitted, fitted[0])
    assert fitted[0] == pytest.approx(8, abs=0.02)
    assert_allclose(recalibrate(constant[:1], MEAN[:1], VARIANCE[:1]), 3)


def test_the_arrays_are_left_alone_and_the_result_is_float32():
    observed, mean, variance = NOISE.copy(), MEAN.copy(), VARIANCE.copy()
    assert recalibrate(observed, mean, variance).dtype == np.float32
    for after, before in ((observed, NOISE), (mean, MEAN), (variance, VARIANCE)):
        assert_array_equal(after, before)
