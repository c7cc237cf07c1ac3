"""Laws of calibration: no patient is in the fit and in the residuals that judge it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect.exceptions import FewPatientsWarning, InvalidPairsError
from ctmri_detect.scoring import reference
from ctmri_detect.scoring.calibration import held_out_residuals, patient_codes
from ctmri_detect.validation import PairReader


def calibrate(codes, **how):
    """What each fit saw, which rows each residual was of, and what came back."""
    X = np.zeros((len(codes), 2, 3, 3), np.float32)
    X += np.arange(len(codes))[:, None, None, None]
    fits, asked = [], []

    def fit(reader):
        fits.append(reader[:][:, 0, 0, 0].astype(int))

    def residual(reader):
        asked.append((len(fits) - 1, reader[:][:, 0, 0, 0].astype(int)))
        return reader[:] + 1000

    out, rows = held_out_residuals(fit, residual, PairReader(X), codes, **how)
    assert_array_equal(out[:, 1, 2, 2], rows + 1000)  # each residual under its own row
    return fits, asked, rows


def patients(n, seed=0):
    """Three slices a patient on average, shuffled; some codes missing, as after a choice by y."""
    rng = np.random.default_rng(seed)
    names = rng.choice(3 * n, n, replace=False)
    return rng.permutation(np.concatenate([names, rng.choice(names, 2 * n)]))


@pytest.mark.parametrize("n", [8, 9, 12, 23])
def test_from_eight_patients_on_a_quarter_is_held_out(n):
    codes = patients(n)
    fits, asked, rows = calibrate(codes, trains=True)
    assert len(fits) == len(asked) == 1
    assert not set(codes[fits[0]]) & set(codes[rows])
    assert len(set(codes[rows])) == n // 4 >= 2
    assert_array_equal(np.sort(np.concatenate([fits[0], rows])), np.arange(len(codes)))


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("cross_fits", [False, True])
def test_below_eight_each_patient_is_left_out_in_turn(n, cross_fits):
    codes = patients(n)
    fits, asked, rows = calibrate(codes, trains=True, cross_fits=cross_fits)
    assert len(fits) == n + 1
    assert [len(set(codes[part])) for _, part in asked] == [1] * n
    check_folds(codes, fits, asked, rows)


@pytest.mark.parametrize(("n", "parts"), [(8, 4), (23, 4), (40, 2)])
def test_a_cheap_fit_leaves_each_quarter_out_in_turn_or_each_half_of_many(n, parts):
    codes = patients(n)
    fits, asked, rows = calibrate(codes, trains=True, cross_fits=True)
    assert len(fits) == parts + 1
    counts = [len(set(codes[part])) for _, part in asked]
    assert max(counts) - min(counts) <= 1
    check_folds(codes, fits, asked, rows)


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
    fits, asked, rows = calibrate(codes, trains=False)
    assert len(fits) == len(asked) == 1
    for seen in (fits[0], rows):
        assert_array_equal(seen, np.arange(len(codes)))


def test_one_patient_is_learned_from_and_judged():
    fits, _, rows = calibrate(np.full(4, 7), trains=True)
    assert_array_equal(fits[0], np.arange(4))
    assert_array_equal(rows, np.arange(4))


@pytest.mark.parametrize(
    ("n", "how"),
    [(5, {"trains": True}), (12, {"trains": True}), (12, {"trains": False}),
     (12, {"trains": True, "cross_fits": True})],
    ids=["turns", "quarter", "untrained", "quarters"],
)  # fmt: skip
def test_no_more_residuals_are_made_than_the_bank_takes(n, how, monkeypatch):
    monkeypatch.setattr(reference, "BANK_SLICES", 4)
    codes = patients(n)
    fits, asked, rows = calibrate(codes, **how)
    assert 2 <= len(rows) <= 4
    assert sum(len(part) for _, part in asked) == len(rows) == len(set(rows))
    if how["trains"]:
        assert all(not set(codes[fits[f]]) & set(codes[part]) for f, part in asked)


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
