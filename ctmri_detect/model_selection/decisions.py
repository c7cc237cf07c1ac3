"""Decisions of samples that the model did not see, fold by fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone

from ctmri_detect._types import GroupsLike, LabelsLike, PairsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.model_selection.splitters import NormalOnlyGroupKFold
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import check_target, groups_of


def cross_val_decisions(
    model: BaseEstimator,
    X: PairsLike,
    y: LabelsLike = None,
    *,
    groups: GroupsLike = None,
    cv: Any = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.float64]:
    """The `decision_function` of each sample, from a model that did not see its patient.

    scikit-learn's ``cross_val_predict(..., method="decision_function")`` fails for every outlier
    detector, because it takes y for classes. Decisions of different folds can be compared, because
    each fold has its own threshold for the same false-positive rate on healthy slices.

    Parameters
    ----------
    model : detector, or Pipeline that ends in one
        It is cloned for each fold.
    X : Pairs or array-like of shape (n_samples, n_planes, height, width)
        Normal and anomalous pairs.
    y : array-like of shape (n_samples,), default=None
        +1 normal, -1 anomalous; anomalous samples never train. None means that all are normal.
    groups : array-like of shape (n_samples,), default=None
        Patient of each sample; not needed where X are `Pairs` that know them.
    cv : splitter or int, default=None
        None is ``NormalOnlyGroupKFold(5)``, an int the number of folds. More folds give more
        training data and take more time.
    n_jobs : int, default=None
        Processes, as in joblib; each fits one fold at a time.

    Returns
    -------
    float64 array (n_samples,)
        High = normal, below 0 = anomalous.

    Raises
    ------
    InvalidPairsError
        Without patients, where `cv` does not test each sample exactly once, or where a fold has
        too few slices for a threshold.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> X = np.random.default_rng(0).normal(size=(60, 2, 16, 16))
    >>> pairs = Pairs(X, groups=np.arange(60) // 3)
    >>> cross_val_decisions(AtlasDetector(), pairs, cv=2).shape
    (60,)
    """
    pairs = Pairs(X, groups=groups_of(X, groups))
    target = np.ones(len(pairs), dtype=np.int64) if y is None else check_target(y, len(pairs))
    cv = NormalOnlyGroupKFold(5 if cv is None else cv) if cv is None or isinstance(cv, int) else cv
    folds = list(cv.split(pairs, target, pairs.groups))
    times = np.bincount(np.concatenate([test for _, test in folds]), minlength=len(pairs))
    if (times != 1).any():
        raise InvalidPairsError(
            f"cv tests some samples {times[times != 1][0]} times; expected each once, as "
            "NormalOnlyGroupKFold and LeaveOnePatientOut do."
        )
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_one_fold)(clone(model), pairs[train], target[train], pairs[test])
        for train, test in folds
    )
    decisions = np.empty(len(pairs))
    for (_, test), part in zip(folds, parts, strict=True):
        decisions[test] = part
    return decisions


def _one_fold(model: BaseEstimator, X: Pairs, y: npt.NDArray[np.int64], test: Pairs) -> Any:
    normal = np.flatnonzero(y == 1)
    decision = np.asarray(model.fit(X[normal]).decision_function(test), dtype=np.float64)
    if not np.isfinite(decision).all():
        raise InvalidPairsError(
            f"A fold with {len(normal)} normal training slices has no threshold, so its decisions "
            "can't be compared with those of other folds. Take more folds or a larger "
            "false_positive_rate: model.set_params(map_scoring__false_positive_rate=0.2)."
        )
    return decision
