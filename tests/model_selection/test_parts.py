"""Laws of the split into training, validation and test."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect import AtlasDetector
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.model_selection import train_validation_test_split


def cohort(n_odd, n_fine, seed=0):
    """Patients of one to five slices, the first slice of `n_odd` of them anomalous."""
    rng = np.random.default_rng(seed)
    n = n_odd + n_fine
    patient = np.repeat(rng.permutation(n), rng.integers(1, 6, size=n))
    first = np.r_[True, np.diff(patient) != 0]
    y = np.where(first & (patient < n_odd), -1, 1)
    order = rng.permutation(len(y))
    return patient[order], y[order]


@pytest.mark.parametrize(("n_odd", "n_fine"), list(product([0, 1, 2, 3, 7, 20], [3, 8, 41])))
def test_patients_stay_whole_and_parts_have_their_share_of_both_kinds(n_odd, n_fine):
    n = n_odd + n_fine
    for seed in range(5):
        patient, y = cohort(n_odd, n_fine, seed)
        parts = train_validation_test_split(patient, y, random_state=seed)
        assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
        named = [set(patient[rows].tolist()) for rows in parts]
        assert sum(map(len, named)) == n
        for rows, names, share in zip(parts, named, (0.70, 0.15, 0.15), strict=True):
            assert (np.diff(rows) > 0).all()
            odd = sum(name < n_odd for name in names)
            assert names
            assert odd > 0 or n_odd < 3
            assert len(names) - odd > 0
            # both kinds in each part cost the shares something, where patients are few
            assert abs(len(names) - share * n) <= (1.5 if n > 10 else 2.5)
            if n_odd >= 7:
                assert abs(odd - share * n_odd) <= 1


def test_rare_anomalies_go_to_test_then_to_validation():
    for n_odd, expected in ((1, (0, 0, 1)), (2, (0, 1, 1)), (3, (1, 1, 1))):
        patient, y = cohort(n_odd, 20)
        parts = train_validation_test_split(patient, y, random_state=0)
        assert tuple((y[rows] == -1).sum() for rows in parts) == expected


def test_rare_normals_go_to_training():
    patient, y = cohort(20, 1)
    train, _, _ = train_validation_test_split(patient, y, random_state=0)
    assert set(patient[train]) & {20}


@pytest.mark.parametrize("n_odd", [0, 1, 2, 3])
def test_three_patients_make_three_parts(n_odd):
    patient, y = cohort(n_odd, 3 - n_odd)
    parts = train_validation_test_split(patient, y, random_state=0)
    assert [len(set(patient[rows])) for rows in parts] == [1, 1, 1]


def test_normal_patients_make_up_for_parts_that_rare_anomalies_filled():
    patient, y = cohort(3, 37)  # one anomalous patient in each part
    parts = train_validation_test_split(patient, y, random_state=0)
    assert [len(set(patient[rows])) for rows in parts] == [28, 6, 6]


@pytest.mark.parametrize("n", [3, 10, 100])
def test_without_labels_all_patients_are_alike(n):
    patient, _ = cohort(0, n)
    sizes = [len(set(patient[rows])) for rows in train_validation_test_split(patient)]
    assert sizes == {3: [1, 1, 1], 10: [7, 1, 2], 100: [70, 15, 15]}[n]


def test_a_part_may_be_left_out():
    patient, y = cohort(5, 15)
    train, validation, test = train_validation_test_split(patient, y, fractions=(0.75, 0, 0.25))
    assert (len(set(patient[train])), len(validation), len(set(patient[test]))) == (15, 0, 5)


def test_a_seed_fixes_the_draw_and_the_global_generator_is_left_alone():
    patient, y = cohort(20, 40)

    def parts(seed):
        return [
            rows.tolist() for rows in train_validation_test_split(patient, y, random_state=seed)
        ]

    before = np.random.get_state()
    assert parts(1) == parts(1) == parts(np.random.RandomState(1)) != parts(2)
    assert parts(None) != parts(None)
    after = np.random.get_state()
    assert before[2:] == after[2:]
    assert_array_equal(before[1], after[1])


def test_every_patient_comes_into_every_part():
    patient, y = cohort(6, 6)
    tested = [
        set(patient[train_validation_test_split(patient, y, random_state=s)[2]]) for s in range(60)
    ]
    assert set.union(*tested) == set(range(12))


def test_a_detector_trains_on_one_part_and_is_tested_on_another():
    patient = np.repeat(np.arange(30), 2)
    y = np.where(np.arange(60) % 6, 1, -1)
    X = np.random.default_rng(0).normal(size=(60, 2, 32, 32)).astype(np.float32)
    X[y == -1, 0, 8:14, 8:12] += 6
    train, _, test = train_validation_test_split(patient, y, random_state=0)
    detector = AtlasDetector().fit(X[train], y[train], groups=patient[train])
    decision = detector.decision_function(X[test])
    assert decision[y[test] == -1].max() < decision[y[test] == 1].min()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"groups": list("aabb")}, r"has 2 patient\(s\); expected at least 3"),
        ({"groups": [None, "a", "b", "c"]}, "no patient for samples 0"),
        ({"groups": "abcd"}, "groups has shape"),
        ({"y": [0, 1, 1, 1]}, r"0, 1; expected \+1"),
        ({"y": [1, 1]}, r"expected \(4,\)"),
        ({"fractions": (0.7, 0.3)}, "expected three shares"),
        ({"fractions": (0.7, 0.2, 0.2)}, "sum to 1"),
        ({"fractions": (1.2, -0.1, -0.1)}, "expected three shares"),
        ({"fractions": (np.nan, 0.5, 0.5)}, "expected three shares"),
    ],
)
def test_what_can_not_be_split_is_refused(changes, match):
    given = {"groups": list("abcd"), "y": [1, 1, 1, -1]} | changes
    with pytest.raises(ValueError, match=match):
        train_validation_test_split(**given)
    if "fractions" not in changes:
        with pytest.raises(InvalidPairsError):
            train_validation_test_split(**given)
