"""One random split of patients into training, validation and test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect._random import own_random_state
from ctmri_detect._types import GroupsLike, LabelsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_groups, check_target

Rows = npt.NDArray[np.intp]

_TRAIN, _VALIDATION, _TEST = range(3)
_SCARCE_ANOMALIES = (_TEST, _VALIDATION, _TRAIN)  # training learns from normals and needs none
_SCARCE_NORMALS = (_TRAIN, _TEST, _VALIDATION)


def train_validation_test_split(
    groups: GroupsLike,
    y: LabelsLike = None,
    *,
    fractions: Sequence[float] = (0.70, 0.15, 0.15),
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Rows, Rows, Rows]:
    """Draw patients for training, validation and test.

    Whole patients are drawn. Those with an anomaly are drawn separately from those without, so
    that each part has its share of both. With fewer such patients than parts, those with an
    anomaly go to test first, then to validation; those without one go to empty parts first, then
    to training.

    Parameters
    ----------
    groups : array-like of shape (n,)
        The patient of each sample.
    y : array-like of shape (n,), default=None
        +1 normal, -1 anomalous; None treats all patients in the same way.
    fractions : three floats, default=(0.70, 0.15, 0.15)
        Shares of the *patients* for training, validation and test; they sum to 1. A part with 0 is
        empty, any other holds at least one patient. Shares of the samples differ from them where
        patients have different numbers of slices.
    random_state : int, RandomState or None, default=None
        None takes fresh entropy; the global generator is left alone.

    Returns
    -------
    train, validation, test : arrays of int
        Rows in order; each row is in one of the three. Training rows include the anomalous slices
        of their patients: ``detector.fit(X[train], y[train])`` leaves them out.

    Raises
    ------
    InvalidPairsError
        For missing patients, labels coded otherwise, or fewer patients than parts.
    ValueError
        Where `fractions` are not three shares that sum to 1.

    Examples
    --------
    >>> patient = np.repeat(np.arange(20), 3)
    >>> y = np.where(np.arange(60) % 12, 1, -1)  # one slice of every fourth patient
    >>> parts = train_validation_test_split(patient, y, random_state=0)
    >>> [len(rows) for rows in parts], [int((y[rows] == -1).sum()) for rows in parts]
    ([42, 9, 9], [3, 1, 1])
    """
    shares = _shares(fractions)
    groups = np.asarray(plain_array(groups))
    codes = check_groups(groups, len(groups) if groups.ndim else 0)
    n_patients, n_parts = len(np.unique(codes)), int((shares > 0).sum())
    if n_patients < n_parts:
        raise InvalidPairsError(
            f"groups has {n_patients} patient(s); expected at least {n_parts}, one for each part. "
            "Add patients, or leave out a part: fractions=(0.8, 0, 0.2)."
        )
    odd = np.zeros(n_patients, dtype=bool)
    if y is not None:
        odd[codes[check_target(y, len(codes)) == -1]] = True
    rng = own_random_state(random_state)
    part = np.empty(n_patients, dtype=int)
    parts = [i for i in _SCARCE_ANOMALIES if shares[i] > 0]
    with_odd = _apportion(int(odd.sum()), shares, parts)
    parts.sort(key=lambda i: (with_odd[i] > 0, _SCARCE_NORMALS.index(i)))  # none stays empty
    without = _apportion(int((~odd).sum()), shares * n_patients - with_odd, parts)
    for kind, counts in ((odd, with_odd), (~odd, without)):
        part[rng.permutation(np.flatnonzero(kind))] = np.repeat(np.arange(3), counts)
    train, validation, test = (np.flatnonzero(part[codes] == i) for i in range(3))
    return train, validation, test


def _shares(fractions: Sequence[float]) -> npt.NDArray[np.float64]:
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or not (shares >= 0).all() or not np.isclose(shares.sum(), 1):
        raise ValueError(
            f"fractions is {fractions!r}; expected three shares for training, validation and test "
            "that sum to 1, such as (0.70, 0.15, 0.15)."
        )
    return shares


def _apportion(n: int, wanted: npt.NDArray[np.float64], parts: list[int]) -> npt.NDArray[np.int64]:
    """Whole numbers that sum to n, in the proportions wanted, each at least 1 where n allows.

    `parts` is the order in which parts get one where n is smaller than their number.
    """
    counts = np.zeros(3, dtype=np.int64)
    counts[parts[:n]] = 1
    quota = np.maximum(wanted, 0) * n / max(np.maximum(wanted, 0).sum(), 1e-9)
    while counts.sum() < n:
        counts[parts[int(np.argmax((quota - counts)[parts]))]] += 1
    return counts
