"""From slices to patients: one decision and one label for each."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import GroupsLike, LabelsLike
from ctmri_detect.validation import check_decision, check_groups, check_target

POOLS = ("min", "lowest_share", "mean")


def patient_scores(
    decision: npt.ArrayLike, groups: GroupsLike, pool: str = "min", *, share: float = 0.2
) -> pd.DataFrame:
    """One decision per patient, pooled from those of its slices.

    A lesion shows in a few slices and the others are healthy, so the default is the lowest
    decision: that of the most anomalous slice. It has two weaknesses. The more slices a patient
    has, the lower its minimum is by chance alone; if normal and anomalous patients have different
    numbers of slices, this alone gives an AUROC above chance. And one slice with an artefact is
    enough to flag a patient. `"lowest_share"` reduces both; `"mean"` is right only where an
    anomaly affects the whole head.

    The threshold of slices is none for patients: with `"min"`, 5 % of false positives per slice
    are far more per patient. Set a threshold with patients that nothing was fitted on, as
    `patient_predict` does after `recalibrate`.

    Parameters
    ----------
    decision : array-like of shape (n,)
        One for each slice, high = normal, as `decision_function` gives it. Compare decisions of
        one model; those of several folds can be compared as far as their thresholds can.
    groups : array-like of shape (n,)
        The patient of each slice.
    pool : {"min", "lowest_share", "mean"}, default="min"
        The decision of a patient: the lowest of its slices; the mean of the lowest `share` of
        them; the mean of all.
    share : float, default=0.2
        For ``"lowest_share"`` only: above 0 and at most 1, rounded up to whole slices. A larger
        share is less misled by single bad slices, but misses small lesions.

    Returns
    -------
    DataFrame
        patient, decision (high = normal), n_slices; one row per patient, in the order of their
        names. `patient_target` has the same rows.

    Raises
    ------
    InvalidPairsError
        For NaN or infinity, unequal lengths or missing patients.
    ValueError
        For an unknown pool or a share out of range.

    Examples
    --------
    >>> decision, patient = [0.5, -2.0, 0.1, 0.4, 0.6], ["b", "a", "a", "b", "b"]
    >>> patient_scores(decision, patient).values.tolist()
    [['a', -2.0, 2], ['b', 0.4, 3]]
    """
    if pool not in POOLS:
        raise ValueError(f"pool is {pool!r}; expected one of {', '.join(map(repr, POOLS))}.")
    if not 0 < share <= 1:
        raise ValueError(
            f"share is {share!r}; expected a share above 0 and at most 1, such as 0.2."
        )
    decision = check_decision(decision)
    names, rows = _patients(groups, len(decision))
    of_patients = [_pooled(np.sort(decision[r]), pool, share) for r in rows]
    return pd.DataFrame(
        {"patient": names, "decision": of_patients, "n_slices": [len(r) for r in rows]}
    )


def patient_target(y: LabelsLike, groups: GroupsLike) -> pd.DataFrame:
    """One label per patient: anomalous if one of its slices is.

    Parameters
    ----------
    y : array-like of shape (n,)
        +1 normal, -1 anomalous, one for each slice.
    groups : array-like of shape (n,)
        The patient of each slice.

    Returns
    -------
    DataFrame
        patient, target (+1 or -1), n_anomalous (slices); one row per patient, in the order of
        their names, the same rows as `patient_scores`.

    Raises
    ------
    InvalidPairsError
        For labels coded otherwise, unequal lengths or missing patients.

    Examples
    --------
    >>> from ctmri_detect.metrics import decision_roc_auc_score
    >>> y, patient = [1, -1, 1, 1, 1], ["b", "a", "a", "b", "b"]
    >>> patient_target(y, patient).values.tolist()
    [['a', -1, 1], ['b', 1, 0]]
    >>> found = patient_scores([0.5, -2.0, 0.1, 0.4, 0.6], patient)
    >>> decision_roc_auc_score(patient_target(y, patient)["target"], found["decision"])
    1.0
    """
    y = check_target(y)
    names, rows = _patients(groups, len(y))
    n_anomalous = np.array([int((y[r] == -1).sum()) for r in rows])
    target = np.where(n_anomalous > 0, -1, 1)
    return pd.DataFrame({"patient": names, "target": target, "n_anomalous": n_anomalous})


def _patients(groups: GroupsLike, n: int) -> tuple[list[Any], list[npt.NDArray[np.intp]]]:
    """The patients' names as they were given, and their rows."""
    codes = check_groups(groups, n)
    rows = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    given = np.asarray(plain_array(groups)).tolist()
    return [given[r[0]] for r in rows], rows


def _pooled(lowest_first: npt.NDArray[np.float64], pool: str, share: float) -> float:
    n = len(lowest_first)
    # rounding errors must not add a slice: 0.07 * 100 is a little above 7
    kept = {"min": 1, "mean": n, "lowest_share": ceil(round(share * n, 9))}[pool]
    return float(lowest_first[: max(kept, 1)].mean())
