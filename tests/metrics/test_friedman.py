"""Friedman's test and Nemenyi's distance against Demsar's paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ctmri_detect.metrics import friedman_nemenyi

# Demsar 2006, table 6: AUROC on fourteen data sets of C4.5, with m, with cf, with both. The paper
# prints .975 twice for one data set and ranks them 2 and 3.
DEMSAR = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "m", "cf", "m+cf"],
)


def test_the_example_of_the_paper():
    found = friedman_nemenyi(DEMSAR)
    ranks = found.average_ranks
    assert ranks.to_dict() == pytest.approx(
        {"C4.5": 3.143, "m": 2.000, "cf": 2.893, "m+cf": 1.964}, abs=5e-4
    )
    assert list(ranks.index) == ["m+cf", "m", "cf", "C4.5"]
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert friedman_nemenyi(DEMSAR, alpha=0.1).critical_difference == pytest.approx(1.12, abs=5e-3)
    assert found.n_datasets == 14
    # the paper's 9.28 is without the correction for ties: one of four, three of two
    assert found.statistic == pytest.approx(9.28 / (1 - (60 + 3 * 6) / (60 * 14)), abs=5e-3)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 3))


@pytest.mark.parametrize(
    ("k", "q05", "q10"),
    [(3, 2.343, 2.052), (4, 2.569, 2.291), (5, 2.728, 2.459), (10, 3.164, 2.920)],
)
def test_the_critical_values_are_those_of_the_papers_table(k, q05, q10):
    table = np.random.default_rng(0).normal(size=(6, k))
    for alpha, q in ((0.05, q05), (0.10, q10)):
        found = friedman_nemenyi(table, alpha=alpha).critical_difference
        assert found == pytest.approx(q * np.sqrt(k * (k + 1) / 36), abs=1e-3)


def test_the_statistic_is_that_of_the_formula_without_ties():
    table = np.random.default_rng(1).normal(size=(12, 4))
    found = friedman_nemenyi(table)
    n, k = table.shape
    ranks = found.average_ranks.to_numpy()
    statistic = 12 * n / (k * (k + 1)) * ((ranks**2).sum() - k * (k + 1) ** 2 / 4)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic, k - 1))


def test_the_best_stands_first_whichever_end_is_good():
    table = pd.DataFrame({"low": np.zeros(6), "mid": np.ones(6), "high": np.full(6, 2)})
    assert list(friedman_nemenyi(table).average_ranks.index) == ["high", "mid", "low"]
    small = friedman_nemenyi(table, larger_is_better=False)
    assert small.average_ranks.to_dict() == {"low": 1, "mid": 2, "high": 3}
    assert small.p_value == friedman_nemenyi(table).p_value < 0.01


def test_methods_that_always_tie_do_not_differ():
    found = friedman_nemenyi(np.ones((5, 3)))
    assert (found.p_value, found.statistic) == (1, 0)
    assert found.average_ranks.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (np.zeros((4, 3)), r"4 data set\(s\) \(rows\) and 3 .* at least 5 and 3"),
        (np.zeros((9, 2)), r"9 data set\(s\) \(rows\) and 2 .* pairwise_delong"),
        (np.full((5, 3), np.nan), "NaN, infinity or text"),
        (np.full((5, 3), np.inf), "NaN, infinity or text"),
        (np.full((5, 3), "a"), "NaN, infinity or text"),
    ],
)
def test_tables_that_say_nothing_are_refused(table, match):
    with pytest.raises(ValueError, match=match):
        friedman_nemenyi(table)


@pytest.mark.parametrize("alpha", [0, 1, 5, np.nan])
def test_alpha_is_a_share(alpha):
    with pytest.raises(ValueError, match="alpha is"):
        friedman_nemenyi(DEMSAR, alpha=alpha)
