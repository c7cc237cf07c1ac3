"""The one check that no patient is on both sides of a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import GroupsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_groups

_MOST_NAMED = 5


def check_no_leak(train: Any, test: Any, groups: GroupsLike) -> None:
    """Raise where a patient is on both sides of a split.

    Use it for splits from elsewhere, such as a list of files or a splitter by slice. Those of this
    package always pass. It compares only names, so a patient with two names passes
    (`inspection.describe_pairs` looks for equal images).

    Parameters
    ----------
    train, test : array-like of int, or of bool of shape (n,)
        Rows of each side. With three parts, call it for every two.
    groups : array-like of shape (n,)
        The patient of every sample, also of samples on neither side.

    Raises
    ------
    InvalidPairsError
        Where patients are on both sides; the message names them. Also for rows that `groups`
        doesn't have, and for missing patients.

    Examples
    --------
    >>> check_no_leak([0, 1], [2, 3], ["a", "a", "b", "c"])
    >>> check_no_leak([0, 2], [1, 3], ["a", "a", "b", "c"])
    Traceback (most recent call last):
    ...
    ctmri_detect.exceptions.InvalidPairsError: 1 patient(s) on both sides of the split: a; \
expected each on one side, or the test figures are too good. Split by patient: \
NormalOnlyGroupKFold, LeaveOnePatientOut or train_validation_test_split.
    """
    names = np.asarray(plain_array(groups))
    codes = check_groups(names, len(names) if names.ndim else 0)
    rows = _rows(train, "train", len(names)), _rows(test, "test", len(names))
    shared = np.intersect1d(codes[rows[0]], codes[rows[1]])
    if len(shared):
        named = [str(names[np.argmax(codes == code)]) for code in shared[:_MOST_NAMED]]
        more = f" and {len(shared) - len(named)} more" if len(shared) > len(named) else ""
        raise InvalidPairsError(
            f"{len(shared)} patient(s) on both sides of the split: {', '.join(named)}{more}; "
            "expected each on one side, or the test figures are too good. Split by patient: "
            "NormalOnlyGroupKFold, LeaveOnePatientOut or train_validation_test_split."
        )


def _rows(side: Any, name: str, n: int) -> npt.NDArray[np.intp]:
    side = np.asarray(plain_array(side))
    if side.dtype == bool and side.shape == (n,):
        return np.flatnonzero(side)
    if side.ndim != 1 or (side.size and side.dtype.kind not in "iu"):
        raise InvalidPairsError(
            f"{name} has dtype {side.dtype} and shape {side.shape}; expected row numbers, or bool "
            f"of shape ({n},)."
        )
    if side.size and (side.min() < 0 or side.max() >= n):
        raise InvalidPairsError(
            f"{name} holds rows from {side.min()} to {side.max()}; expected 0 to {n - 1}, as "
            f"groups has {n} entries. Give the patient of every sample, not of one side only."
        )
    return side.astype(np.intp)
