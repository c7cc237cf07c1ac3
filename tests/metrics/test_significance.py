"""DeLong's test against its definition, simulation and the bootstrap; Holm by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    decision_roc_auc_score,
    delong_test,
    holm_correction,
    pairwise_delong,
    patient_bootstrap,
)


def cohort(seed, n_patients=60, per_patient=4, *, gain=(1.0, 1.0), between=1.0, within=0.3):
    """Labels, two methods' decisions and patients; the methods share half of their noise."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), per_patient)
    y = np.where(patient % 2, -1, 1)

    def noise():
        size = (n_patients, len(y))
        return between * rng.normal(size=size[0])[patient] + within * rng.normal(size=size[1])

    shared = noise()
    a, b = (g * y + shared + noise() for g in gain)
    return y, a, b, patient


def by_all_pairs(y, decisions):
    """AUROCs and DeLong's covariance matrix, written out as in the paper: every pair compared."""
    odd, fine = [[d[y == label] for d in decisions] for label in (-1, 1)]
    kernel = [
        (x[:, None] < z[None, :]) + 0.5 * (x[:, None] == z[None, :])
        for x, z in zip(odd, fine, strict=True)
    ]
    v10 = np.array([k.mean(axis=1) for k in kernel])
    v01 = np.array([k.mean(axis=0) for k in kernel])
    areas = np.array([k.mean() for k in kernel])
    return areas, np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]


def by_all_pairs_and_patients(y, a, b, patient):
    """Obuchowski's variance of the difference, written out patient by patient."""
    odd, fine = np.flatnonzero(y == -1), np.flatnonzero(y == 1)

    def kernel(d):
        return (d[odd][:, None] < d[fine]) + 0.5 * (d[odd][:, None] == d[fine])

    k = kernel(a) - kernel(b)
    v10, v01, theta = k.mean(axis=1), k.mean(axis=0), k.mean()
    s10 = s01 = s11 = 0.0
    for name in set(patient):
        x = sum(v10[i] - theta for i in range(len(odd)) if patient[odd[i]] == name)
        z = sum(v01[j] - theta for j in range(len(fine)) if patient[fine[j]] == name)
        s10, s01, s11 = s10 + x * x, s01 + z * z, s11 + x * z
    m, n, i = len(odd), len(fine), len(set(patient))
    i10, i01 = len(set(patient[odd])), len(set(patient[fine]))
    s10, s01, s11 = i10 / ((i10 - 1) * m) * s10, i01 / ((i01 - 1) * n) * s01, i / (i - 1) * s11
    return s10 / m + s01 / n + 2 * s11 / (m * n)


# what the test says -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_areas_and_variance_are_those_of_the_definition_with_ties(seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([1, -1], [9, 6]))
    a, b = rng.integers(5, size=(2, 15)).astype(float)  # many ties
    found = delong_test(y, a, b)
    areas, cov = by_all_pairs(y, [a, b])
    assert [found.auroc_a, found.auroc_b] == pytest.approx(list(areas))
    assert found.auroc_a == pytest.approx(decision_roc_auc_score(y, a))
    assert found.difference == pytest.approx(areas[0] - areas[1])
    variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    assert found.standard_error**2 == pytest.approx(variance)
    z = (areas[0] - areas[1]) / variance**0.5
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert found.interval == pytest.approx(
        stats.norm.interval(0.95, found.difference, variance**0.5)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_variance_over_patients_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    patient = rng.integers(7, size=30)  # of unequal size, normal and anomalous slices in one
    y = np.where(rng.random(30) < 0.4, -1, 1)
    a, b = rng.integers(6, size=(2, 30)).astype(float)
    found = delong_test(y, a, b, patient)
    assert found.standard_error**2 == pytest.approx(by_all_pairs_and_patients(y, a, b, patient))


def test_the_standard_error_is_that_of_a_bootstrap_over_patients():
    y, a, b, patient = cohort(1, 120, gain=(0.7, 1.0))

    def difference(y, s):
        return decision_roc_auc_score(y, s[:, 0]) - decision_roc_auc_score(y, s[:, 1])

    for groups in (patient, np.arange(len(y))):
        found = delong_test(y, a, b, groups)
        drawn = patient_bootstrap(
            y, np.stack([a, b], axis=1), groups, difference, n_resamples=500, random_state=0
        )
        low, high = found.interval
        # the ends of 500 draws are known to about 6 % of the width
        assert drawn.low == pytest.approx(low, abs=0.1 * (high - low))
        assert drawn.high == pytest.approx(high, abs=0.1 * (high - low))


def test_equal_methods_are_told_apart_in_5_percent_and_by_slices_far_too_often():
    by_patients, by_slices, single = [], [], []
    for seed in range(1000):
        y, a, b, patient = cohort(seed, 80)
        by_patients.append(delong_test(y, a, b, patient).p_value < 0.05)
        by_slices.append(delong_test(y, a, b).p_value < 0.05)
        single.append(delong_test(y[::4], a[::4], b[::4]).p_value < 0.05)
    assert 0.035 < np.mean(by_patients) < 0.075
    assert 0.035 < np.mean(single) < 0.075
    assert np.mean(by_slices) > 0.2


def test_so_it_is_with_patients_that_hold_both_kinds_and_few_or_many_slices():
    rejected = []
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(40), rng.integers(2, 11, size=40))
        y = np.where((patient % 2 == 1) & (rng.random(len(patient)) < 0.5), -1, 1)
        a, b = y + rng.normal(size=(2, 40))[:, patient] + 0.3 * rng.normal(size=(2, len(y)))
        rejected.append(delong_test(y, a, b, patient).p_value < 0.05)
    assert 0.035 < np.mean(rejected) < 0.075


def test_unequal_methods_are_told_apart():
    y, a, b, patient = cohort(2, 200, gain=(0.5, 1.5))
    found = delong_test(y, a, b, patient)
    assert found.p_value < 1e-4
    assert found.interval[1] < 0
    wide = delong_test(y, a, b, patient, confidence_level=0.99)
    assert wide.interval[0] < found.interval[0] < found.interval[1] < wide.interval[1]
    assert (wide.p_value, wide.confidence_level) == (found.p_value, 0.99)


def test_one_slice_a_patient_is_the_plain_test():
    y, a, b, _ = cohort(3, 30, 1)
    names = [f"patient {i}" for i in range(30)]
    alone, named = delong_test(y, a, b), delong_test(y, a, b, names)
    assert named.pop("interval") == pytest.approx(alone.pop("interval"))
    assert named == pytest.approx(alone)


def test_slices_counted_twice_say_nothing_new():
    y, a, b, _ = cohort(4, 40, 1, within=1.0)
    alone = delong_test(y, a, b)
    twice = [np.repeat(values, 5) for values in (y, a, b)]
    grouped = delong_test(*twice, np.repeat(np.arange(40), 5))
    assert grouped.standard_error == pytest.approx(alone.standard_error)
    assert grouped.p_value == pytest.approx(alone.p_value)
    assert delong_test(*twice).standard_error < 0.5 * grouped.standard_error


def test_only_the_order_of_decisions_counts_and_exchanging_the_methods_turns_the_sign():
    y, a, b, patient = cohort(5)
    found = delong_test(y, a, b, patient)
    assert delong_test(y, np.exp(a), 3 * b - 7, patient) == found
    back = delong_test(y, b, a, patient)
    assert back.difference == -found.difference
    assert back.interval == pytest.approx([-found.interval[1], -found.interval[0]])
    assert back.p_value == found.p_value
    order = np.random.default_rng(0).permutation(len(y))
    shuffled = delong_test(y[order], a[order], b[order], patient[order])
    assert shuffled.p_value == pytest.approx(found.p_value)


@pytest.mark.parametrize("n", [10, 30, 77])
def test_equal_orders_do_not_differ(n):
    rng = np.random.default_rng(n)
    y, a = np.where(np.arange(n) % 3, 1, -1), rng.normal(size=n)
    for groups in (None, np.arange(n) // 2):
        found = delong_test(y, a, 2 * a, groups)
        assert (found.p_value, found.difference, found.standard_error) == (1, 0, 0)
        assert found.interval == (0, 0)


def test_where_no_variance_can_be_estimated_the_test_says_so():
    y = np.repeat([1, -1], [7, 11])
    found = delong_test(y, y, np.zeros(18))
    assert (found.auroc_a, found.auroc_b, found.standard_error) == (1, 0.5, 0)
    assert np.isnan([found.p_value, *found.interval]).all()


# several methods ----------------------------------------------------------------------------


def test_all_pairs_are_tested_and_corrected():
    y, a, b, patient = cohort(6, gain=(0.5, 1.5))
    decisions = {"a": a, "b": b, "c": (a + b).tolist()}
    table = pairwise_delong(y, decisions, patient, confidence_level=0.9)
    assert list(zip(table["a"], table["b"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    for row in table.itertuples():
        one = delong_test(y, decisions[row.a], decisions[row.b], patient, confidence_level=0.9)
        assert (row.low, row.high) == one.interval
        for name in ("auroc_a", "auroc_b", "difference", "standard_error", "p_value"):
            assert getattr(row, name) == one[name]
    np.testing.assert_array_equal(table["p_holm"], holm_correction(table["p_value"]))
    assert (table["p_holm"] >= table["p_value"]).all()


@pytest.mark.parametrize("decisions", [[np.zeros(4)] * 2, {}, {"a": np.zeros(4)}])
def test_fewer_than_two_named_methods_are_refused(decisions):
    with pytest.raises(TypeError, match="expected a dict of two or more"):
        pairwise_delong([1, 1, -1, -1], decisions)


def test_holm_by_hand():
    # 4 x .005, 3 x .01, then 2 x .03 = .06 and 1 x .04, which must not fall below it
    assert holm_correction([0.03, 0.005, 0.04, 0.01]) == pytest.approx([0.06, 0.02, 0.06, 0.03])
    assert holm_correction([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm_correction([0.02]).tolist() == [0.02]
    assert holm_correction([]).tolist() == []
    np.testing.assert_allclose(holm_correction([np.nan, 0.01, 0.04]), [np.nan, 0.03, 0.08])


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [[0.1]], 0.1])
def test_holm_wants_probabilities(p):
    with pytest.raises(ValueError, match=r"expected one row of numbers from 0 to 1"):
        holm_correction(p)


# errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"decision_a": [np.nan] * 6}, "holds NaN or infinity"),
        ({"decision_b": [0, 1, 2, 3, 4, np.inf]}, "holds NaN or infinity"),
        ({"decision_b": np.zeros(5)}, r"labels have shape \(6,\); expected \(5,\)"),
        ({"y_true": [0, 0, 0, 1, 1, 1]}, r"0, 1; expected \+1"),
        ({"y_true": np.ones(6)}, r"All 6 labels are \+1"),
        ({"y_true": [1] * 5 + [-1]}, r"1 sample\(s\) with an anomaly and 5 .* at least 2"),
        ({"groups": list("aabccc")}, r"1 patient\(s\) with an anomaly and 2 "),
        ({"groups": list("aab")}, r"groups has shape \(3,\)"),
        ({"groups": [None] * 6}, "no patient for samples 0, 1"),
        ({"confidence_level": 95}, "confidence_level is 95; expected"),
    ],
)
def test_what_makes_no_test_is_refused(changes, match):
    given = {"y_true": [1, 1, 1, -1, -1, -1], "decision_a": range(6), "decision_b": range(6)}
    with pytest.raises(ValueError, match=match):
        delong_test(**given | changes)
    if "confidence_level" not in changes:
        with pytest.raises(InvalidPairsError):
            delong_test(**given | changes)
