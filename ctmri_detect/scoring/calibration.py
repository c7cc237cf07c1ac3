"""Residuals of patients that the model did not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._floats import with_default_floats
from ctmri_detect._warnings import warn_user
from ctmri_detect.exceptions import FewPatientsWarning, PatientsUnknownWarning
from ctmri_detect.scoring import bank_rows
from ctmri_detect.validation import PairReader, check_groups

ENOUGH_PATIENTS = 8  # from here on a quarter is held out; below, each is left out in turn
HELD_OUT_EVERY = 4

Residual = npt.NDArray[np.float32]


def patient_codes(groups: Any, n_samples: int) -> npt.NDArray[np.int64]:
    """Patients as codes; without `groups`, up to eight contiguous blocks of rows and a warning.

    Examples
    --------
    >>> patient_codes(["b", "a", "b"], 3)
    array([1, 0, 1])
    """
    if groups is None:
        warn_user(
            "Nobody said which samples are of one patient. Contiguous blocks of rows stand in; "
            "where the rows are shuffled, the threshold is far too strict. Give the patients: "
            "fit(X, groups=patients), or fit(Pairs(X, groups=patients)), which also works in a "
            "Pipeline and in a search. A step from elsewhere that returns arrays loses them.",
            PatientsUnknownWarning,
        )
        return _contiguous(n_samples)
    codes = check_groups(groups, n_samples)
    if len(np.unique(codes)) == 1:
        warn_user(
            "groups names one patient only, so no patient can be held out; contiguous blocks of "
            "rows stand in, and the threshold will flatter. Give pairs of more patients.",
            FewPatientsWarning,
        )
        return _contiguous(n_samples)
    return codes


def _contiguous(n_samples: int) -> npt.NDArray[np.int64]:
    return np.minimum(ENOUGH_PATIENTS, n_samples) * np.arange(n_samples) // n_samples


@with_default_floats
def held_out_residuals(
    fit: Callable[[PairReader], None],
    residual: Callable[[PairReader], Residual],
    X: PairReader,
    codes: npt.NDArray[np.int64],
    *,
    trains: bool,
    cross_fits: bool = False,
) -> tuple[Residual, npt.NDArray[np.int64]]:
    """Fit, and give the residuals of slices that the fit did not see.

    From eight patients on, every fourth is held out; or, where `cross_fits`, each fourth of the
    patients (each half, from 32 patients on) is left out in turn and the model is fitted once
    more on all, so that every slice can be a reference. With fewer patients, each one is left out
    in turn. A detector that trains nothing holds nothing out.

    Returns
    -------
    residual : float32 array (m, 2, height, width)
        At most as many as the reference bank takes.
    rows : int array (m,)
        The samples of `X` that they belong to.
    """
    order = np.unique(codes, return_inverse=True)[1]
    n_patients = order.max() + 1
    if not trains or n_patients == 1:
        fit(X)
        rows = bank_rows(len(X), X.shape[1:])
        return residual(X.take(rows)), rows
    if n_patients >= ENOUGH_PATIENTS:
        halves = cross_fits and n_patients >= 4 * ENOUGH_PATIENTS
        order = order % (2 if halves else HELD_OUT_EVERY)
        if not cross_fits:
            held = order == HELD_OUT_EVERY - 1
            fit(X.take(np.flatnonzero(~held)))
            rows = np.flatnonzero(held)
            rows = rows[bank_rows(len(rows), X.shape[1:])]
            return residual(X.take(rows)), rows
    kept = bank_rows(len(X), X.shape[1:])
    parts, rows_of = [], []
    for fold in np.unique(order[kept]):
        fit(X.take(np.flatnonzero(order != fold)))
        rows = kept[order[kept] == fold]
        parts.append(residual(X.take(rows)))
        rows_of.append(rows)
    fit(X)
    return np.concatenate(parts), np.concatenate(rows_of)
