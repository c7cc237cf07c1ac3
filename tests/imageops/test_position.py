"""Laws of mean and spread at each place."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.validation import PairReader

X = make_heads(90, size=20)  # more than one block
SEEN = ~np.isnan(X)
MEAN, SD = position_statistics(PairReader(X))


def test_the_mean_is_that_of_what_was_observed():
    total = np.nansum(X, axis=0, dtype=np.float64)
    count = SEEN.sum(axis=0)
    assert_allclose(MEAN, total / np.maximum(count, 1), rtol=1e-4, atol=1e-6)
    assert (MEAN[count == 0] == 0).all()
    assert (count == 0).any()
    assert MEAN.dtype == SD.dtype == np.float32


def test_the_spread_is_what_the_docstring_says():
    count = SEEN.sum(axis=0)
    squares = np.where(SEEN, (X - MEAN) ** 2, 0).sum(axis=0, dtype=np.float64)
    for plane in range(2):
        pooled = squares[plane].sum() / count[plane].sum()
        variance = (squares[plane] + 2 * pooled) / (count[plane] + 2)
        smooth = np.sqrt(masked_gaussian(variance.astype(np.float32), 1.5))
        assert_allclose(SD[plane], np.maximum(smooth, 0.3 * np.sqrt(pooled)), rtol=1e-4)
        assert SD[plane].min() >= 0.3 * np.sqrt(pooled) * (1 - 1e-6)


def test_a_place_that_never_varies_keeps_a_share_of_the_spread():
    still = X.copy()
    still[:, :, :, :10] = np.where(SEEN[..., :10], np.float32(0.4), np.float32(np.nan))
    mean, sd = position_statistics(PairReader(still))
    pooled = np.sqrt(np.nanmean((still - mean) ** 2, axis=(0, 2, 3)))
    assert_allclose(sd.min(axis=(1, 2)), 0.3 * pooled, rtol=1e-3)


def test_units_and_brightness():
    mean, sd = position_statistics(PairReader(4 * X - 3))
    ever = SEEN.any(axis=0)
    assert_allclose(mean[ever], (4 * MEAN - 3)[ever], rtol=1e-4, atol=1e-4)
    assert_allclose(sd, 4 * SD, rtol=1e-3)


def test_the_order_and_the_number_of_copies_of_the_slices():
    rng = np.random.default_rng(0)
    mean, sd = position_statistics(PairReader(X, rng.permutation(90)))
    assert_allclose(mean, MEAN, atol=1e-6)
    assert_allclose(sd, SD, rtol=1e-4)
    twice, steadier = position_statistics(PairReader(X, np.repeat(np.arange(90), 2)))
    assert_allclose(twice, MEAN, atol=1e-6)
    assert not np.allclose(steadier, SD, rtol=1e-3)  # the prior weighs less


@pytest.mark.parametrize("n", [1, 2])
def test_a_constant_has_a_spread_that_can_be_divided_by(n):
    mean, sd = position_statistics(PairReader(np.full((n, 2, 6, 6), 5.0)))
    assert_array_equal(mean, np.full((2, 6, 6), 5, np.float32))
    assert (sd > 0.1).all()
    assert np.isfinite(sd).all()


def test_a_plane_that_is_missing_throughout_is_left_at_zero():
    half = X.copy()
    half[:, 1] = np.nan
    mean, sd = position_statistics(PairReader(half))
    assert (mean[1] == 0).all()
    assert (np.isfinite(sd) & (sd > 0)).all()
    assert_array_equal(mean[0], MEAN[0])
    assert_array_equal(sd[0], SD[0])
