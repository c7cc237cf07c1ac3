"""Laws of calibration: no patient is in the fit and in the residuals that judge it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect.exceptions import FewPatientsWarning, InvalidPairsError
from ctmri_detect.scoring.calibration import held_out, patient_codes
from ctmri_detect.validation import PairReader


class Spy:
    """Remembers what each fit saw, and which rows each model was asked about."""

    def __init__(self):
        self.fits, self.asked, self.last = [], [], None

    def fit(self, X):
        self.fits.append(self.rows(X))

    def each(self, X, finish):
        return self._each(len(self.fits) - 1, X, finish)

    def frozen(self):
        last = len(self.fits) - 1
        return lambda X, finish: self._each(last, X, finish)

    def _each(self, fit, X, finish):
        self.asked.append((fit, self.rows(X)))
        return [finish(X.take([i])[:] + 1000, X.take([i])) for i in range(len(X))]

    @staticmethod
    def rows(X):
        return X[:][:, 0, 0, 0].astype(int)


def calibrate(codes, bank=None, **how):
    """What each fit saw, which rows each residual was of, and the rows of the bank."""
    X = np.zeros((len(codes), 2, 3, 3), np.float32)
    X += np.arange(len(codes))[:, None, None, None]
    spy = Spy()
    evenly = lambda n: np.linspace(0, n - 1, min(n, bank or n)).astype(int)  # noqa: E731
    parts = held_out(spy, PairReader(X, groups=codes), evenly, **how)
    of_bank = list(spy.asked)
    for part in parts:  # each residual under its own row, and each other slice by its own model
        assert_array_equal(part.residual[:, 1, 2, 2], spy.rows(part.X.take(part.bank)) + 1000)
        assert_array_equal(part.X.groups, codes[spy.rows(part.X)])
        assert len(part.descriptors) == len(part.residual)
        if len(part.others):
            left = [r[0, 0, 0, 0] for r in part.each(part.others, lambda residual, X: residual)]
            assert_array_equal(left, spy.rows(part.others) + 1000)
    rows = np.concatenate([spy.rows(part.X.take(part.bank)) for part in parts])
    return spy, of_bank, rows


def patients(n, seed=0):
    """Three slices a patient on average, shuffled; some codes missing, as after a choice by y."""
    rng = np.random.default_rng(seed)
    names = rng.choice(3 * n, n, replace=False)
    return rng.permutation(np.concatenate([names, rng.choice(names, 2 * n)]))


@pytest.mark.parametrize("n", [8, 9, 12, 23])
def test_from_eight_patients_on_a_quarter_is_held_out(n):
    codes = patients(n)
    spy, asked, rows = calibrate(codes, trains=True)
    assert len(spy.fits) == len(asked) == 1
    assert not set(codes[spy.fits[0]]) & set(codes[rows])
    assert len(set(codes[rows])) == n // 4 >= 2
    assert_array_equal(np.sort(np.concatenate([spy.fits[0], rows])), np.arange(len(codes)))


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("cross_fits", [False, True])
def test_below_eight_each_patient_is_left_out_in_turn(n, cross_fits):
    codes = patients(n)
    spy, asked, rows = calibrate(codes, trains=True, cross_fits=cross_fits)
    assert len(spy.fits) == n + 1
    assert [len(set(codes[part])) for _, part in asked] == [1] * n
    check_folds(codes, spy.fits, asked, rows)


@pytest.mark.parametrize(("n", "parts"), [(8, 4), (23, 4), (40, 2)])
def test_a_cross_fit_leaves_each_quarter_out_in_turn_or_each_half_of_many(n, parts):
    codes = patients(n)
    dear = calibrate(codes, trains=True, cross_fits=True)[0]
    assert len(dear.fits) == 5  # a dear fit is worth three quarters of the patients
    spy, asked, rows = calibrate(codes, trains=True, cross_fits=True, cheap=True)
    assert len(spy.fits) == parts + 1
    counts = [len(set(codes[part])) for _, part in asked]
    assert max(counts) - min(counts) <= 1
    check_folds(codes, spy.fits, asked, rows)


def check_folds(codes, fits, asked, rows):
    for last_fit, part in asked:
        assert not set(codes[fits[last_fit]]) & set(codes[part])
        left = np.flatnonzero(~np.isin(codes, codes[part]))
        assert_array_equal(fits[last_fit], left)  # all others are learned from
    assert_array_equal(np.sort(rows), np.arange(len(codes)))
    assert_array_equal(fits[-1], np.arange(len(codes)))  # the model that stays saw all


@pytest.mark.parametrize("n", [1, 5, 12])
def test_what_trains_nothing_holds_nothing_out(n):
    codes = patients(n)
    spy, asked, rows = calibrate(codes, trains=False)
    assert len(spy.fits) == len(asked) == 1
    for seen in (spy.fits[0], rows):
        assert_array_equal(seen, np.arange(len(codes)))


def test_one_patient_is_learned_from_and_judged():
    spy, _, rows = calibrate(np.full(4, 7), trains=True)
    assert_array_equal(spy.fits[0], np.arange(4))
    assert_array_equal(rows, np.arange(4))


@pytest.mark.parametrize(
    ("n", "how"),
    [(5, {"trains": True}), (12, {"trains": True}), (12, {"trains": False}),
     (12, {"trains": True, "cross_fits": True})],
    ids=["turns", "quarter", "untrained", "quarters"],
)  # fmt: skip
def test_the_bank_is_bounded_and_every_held_out_slice_can_be_judged(n, how):
    codes = patients(n)
    spy, of_bank, rows = calibrate(codes, bank=4, **how)
    assert len(rows) == len(set(rows)) == 4
    assert sum(len(part) for _, part in of_bank) == 4  # no more residuals are kept
    every, _, all_rows = calibrate(codes, **how)
    judged = np.concatenate([part for _, part in spy.asked])
    assert_array_equal(np.sort(judged), np.sort(all_rows))
    assert [list(fit) for fit in spy.fits] == [list(fit) for fit in every.fits]
    if how["trains"]:
        assert all(not set(codes[spy.fits[f]]) & set(codes[part]) for f, part in spy.asked)


@pytest.mark.parametrize("n", [2, 5, 8, 9, 40])
def test_without_groups_contiguous_blocks_stand_for_patients(n):
    codes = patient_codes(None, n)
    assert (np.diff(codes) >= 0).all()
    sizes = np.bincount(codes)
    assert len(sizes) == min(8, n)
    assert sizes.max() - sizes.min() <= 1


def test_groups_are_kept_as_they_are():
    assert_array_equal(patient_codes(list("baab"), 4), [1, 0, 0, 1])
    with pytest.raises(InvalidPairsError, match="no patient for samples 2"):
        patient_codes(["a", "b", None, "b"], 4)


def test_one_patient_is_warned_of_and_blocks_stand_in():
    with pytest.warns(FewPatientsWarning, match="one patient only"):
        codes = patient_codes(["a"] * 10, 10)
    assert_array_equal(codes, patient_codes(None, 10))
