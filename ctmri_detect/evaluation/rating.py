"""Metrics of whole samples: the library's own, and those that a user adds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.metrics import decision_average_precision_score, decision_roc_auc_score

Metric = Callable[[Any, Any], float]

IMAGE_METRICS: dict[str, Metric] = {
    "image_auroc": decision_roc_auc_score,
    "image_ap": decision_average_precision_score,
}


def check_metrics(metrics: Any, taken: Collection[str]) -> dict[str, Metric]:
    """The user's metrics by name, or an error that says what is wrong with them.

    Parameters
    ----------
    metrics : dict of str to callable, or None
    taken : collection of str
        Names that no metric may have: the other columns of the table.
    """
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"metrics is {type(metrics).__name__}; expected a dict of names and functions "
            'f(target, decision), such as {"my_metric": my_metric}.'
        )
    for name, function in metrics.items():
        if not isinstance(name, str) or not callable(function):
            raise TypeError(
                f"metrics[{name!r}] is {type(function).__name__}; expected a name and a function "
                "f(target, decision) that returns a number."
            )
        if name in taken:
            raise ValueError(
                f"metrics has the name {name!r}, which another column of the table has. Rename it."
            )
    return dict(metrics)


def rate(
    metrics: Mapping[str, Metric],
    target: npt.NDArray[np.int64],
    decision: npt.NDArray[np.float64],
    detector: str,
) -> tuple[dict[str, float], str]:
    """The value of each metric, and what went wrong, or "".

    A metric needs normal and anomalous samples: NaN without both. One that fails is NaN, too.

    Examples
    --------
    >>> rate({"share": lambda target, decision: (decision < 0).mean()},
    ...      np.array([1, -1]), np.array([1.0, -1.0]), "atlas")
    ({'share': 0.5}, '')
    """
    values = dict.fromkeys(metrics, float("nan"))
    errors = []
    if len(np.unique(target)) == 2:
        for name, function in metrics.items():
            try:  # copies, because a user's function may change its arguments
                values[name] = float(function(target.copy(), decision.copy()))
            except Exception as error:  # the other metrics are still measured
                said = f"{type(error).__name__}: {error}"
                errors.append(f"Metric {name!r} failed on detector {detector!r}: {said}")
    return values, "; ".join(errors)
