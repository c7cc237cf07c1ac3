"""The check that no patient is on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import KFold

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.model_selection import (
    LeaveOnePatientOut,
    NormalOnlyGroupKFold,
    check_no_leak,
    train_validation_test_split,
)

PATIENT = np.random.default_rng(0).permutation(np.repeat([f"p{i}" for i in range(12)], 4))
X = np.zeros((48, 2, 4, 4))


@pytest.mark.parametrize("cv", [NormalOnlyGroupKFold(4), LeaveOnePatientOut()], ids=str)
def test_the_librarys_splits_pass(cv):
    for train, test in cv.split(X, None, PATIENT):
        check_no_leak(train, test, PATIENT)
    a, b, c = train_validation_test_split(PATIENT, random_state=0)
    for one, two in ((a, b), (a, c), (b, c)):
        check_no_leak(one, two, PATIENT)


def test_splits_by_slice_do_not():
    for train, test in KFold(4, shuffle=True, random_state=0).split(X):
        with pytest.raises(InvalidPairsError, match="on both sides of the split"):
            check_no_leak(train, test, PATIENT)


def test_those_on_both_sides_are_named():
    groups = [7, 7, 8, 9, 9]
    check_no_leak([0, 1], [2, 4], groups)
    check_no_leak([0, 1], [], groups)
    with pytest.raises(
        InvalidPairsError, match=r"^2 patient\(s\) on both .* split: 7, 9; expected"
    ):
        check_no_leak([0, 3], [1, 2, 4], groups)
    many = np.repeat(np.arange(10), 2)
    with pytest.raises(InvalidPairsError, match=r"^10 patient.*: 0, 1, 2, 3, 4 and 5 more;"):
        check_no_leak(np.arange(0, 20, 2), np.arange(1, 20, 2), many)


def test_rows_may_be_marked_by_bools():
    groups, train = np.array(list("aabbc")), np.array([True, True, False, False, False])
    check_no_leak(train, ~train, groups)
    train[2] = True
    with pytest.raises(InvalidPairsError, match="split: b;"):
        check_no_leak(train, (~train).tolist(), groups)


@pytest.mark.parametrize(
    ("train", "groups", "match"),
    [
        ([3], list("abc"), "train holds rows from 3 to 3; expected 0 to 2"),
        ([-1], list("abc"), "train holds rows from -1 to -1"),
        ([0.5], list("abc"), "train has dtype float64"),
        ([[0]], list("abc"), r"shape \(1, 1\); expected row numbers"),
        ([True], list("abc"), r"dtype bool and shape \(1,\); expected .* bool of shape \(3,\)"),
        ([0], ["a", None, "b"], "no patient for samples 1"),
        ([0], "abc", "groups has shape"),
    ],
)
def test_what_names_no_rows_is_refused(train, groups, match):
    with pytest.raises(InvalidPairsError, match=match):
        check_no_leak(train, [1], groups)
