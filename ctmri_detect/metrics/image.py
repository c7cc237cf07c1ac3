"""Metrics of whole samples; the positive class is always the anomaly."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_target


def _image_inputs(y_true: Any, decision: Any) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    decision = np.asarray(decision, dtype=np.float64)
    if decision.ndim != 1 or not np.isfinite(decision).all():
        raise InvalidPairsError(
            f"decision has shape {decision.shape} or holds NaN or infinity; expected one finite "
            "number a sample, high = normal, as decision_function gives it."
        )
    anomalous = check_target(y_true, len(decision)) == -1
    if anomalous.all() or not anomalous.any():
        raise InvalidPairsError(
            f"All {len(anomalous)} labels are {'-1' if anomalous.any() else '+1'}; the metric "
            "needs normal and anomalous samples. Add samples of the other kind."
        )
    return anomalous, decision


def image_roc_auc_score(y_true: Any, decision: Any) -> float:
    """Area under the ROC curve: how often an anomalous sample scores below a normal one.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        +1 normal, -1 anomalous.
    decision : array-like of shape (n,)
        High = normal, as `decision_function` or `score_samples` give it.

    Returns
    -------
    float
        From 0 to 1; 0.5 is chance.

    Raises
    ------
    InvalidPairsError
        For labels coded otherwise (0/1 would mirror the result), one class only, or NaN.

    Examples
    --------
    >>> image_roc_auc_score([1, 1, -1], [0.3, 0.1, -2.0])
    1.0
    """
    anomalous, decision = _image_inputs(y_true, decision)
    return float(roc_auc_score(anomalous, -decision))


def image_average_precision_score(y_true: Any, decision: Any) -> float:
    """Average precision with the anomaly as the positive class.

    scikit-learn's ``"average_precision"`` scorer would rate the normal samples instead.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        +1 normal, -1 anomalous.
    decision : array-like of shape (n,)
        High = normal.

    Returns
    -------
    float
        From the share of anomalous samples (chance) to 1.

    Raises
    ------
    InvalidPairsError
        For labels coded otherwise, one class only, or NaN.

    Examples
    --------
    >>> image_average_precision_score([1, 1, -1, 1], [3.0, 0.1, 0.2, 1.0])
    0.5
    """
    anomalous, decision = _image_inputs(y_true, decision)
    return float(average_precision_score(anomalous, -decision))
