"""Percentiles are numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ctmri_detect.imageops.percentiles import percentiles_of

PERCENT = (0, 0.5, 1, 5, 25, 33.3, 50, 75, 95, 99, 99.5, 100)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 101, 4097])
def test_they_are_those_of_numpy(n, dtype):
    rng = np.random.default_rng(n)
    for values in (rng.normal(100, 30, n), rng.integers(0, 3, n), np.zeros(n)):
        values = values.astype(dtype)
        kept = values.copy()
        expected = np.percentile(values.astype(np.float64), PERCENT)
        assert_allclose(percentiles_of(values, PERCENT), expected, rtol=1e-12)
        np.testing.assert_array_equal(values, kept)


def test_they_may_come_in_any_order():
    values = np.arange(11.0)[::-1]
    assert percentiles_of(values, (90, 10, 10)).tolist() == [9, 1, 1]
