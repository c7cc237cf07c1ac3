"""How certain a metric is: its interval over patients."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from ctmri_detect._arrays import plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._random import own_random_state
from ctmri_detect._types import GroupsLike, LabelsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_groups

Array = npt.NDArray[Any]
Metric = Callable[[Array, Array], float]

_FEWEST_PATIENTS = 3  # two patients make three different draws: no distribution


@with_default_floats
def patient_bootstrap(
    y: LabelsLike,
    score: Any,
    groups: GroupsLike,
    metric: Metric,
    *,
    n_resamples: int = 2000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Interval of a metric over patients (percentile bootstrap of whole patients).

    Slices of one patient are alike, so they carry less information than slices of different
    patients. Whole patients are drawn with replacement, as many as there are; a patient drawn twice
    counts twice, with all its samples. The interval holds the middle `confidence_level` of the
    metric's values on these draws.

    With fewer than about twenty patients of *each* class, normal and anomalous, the interval is too
    narrow, and there is no warning. It shows how much the metric would change with other patients,
    not how much it would change with a new training.

    Parameters
    ----------
    y : array-like of shape (n, ...)
        The truth, with samples along the first axis: labels +1/-1 or masks, as `metric` needs
        them.
    score : array-like of shape (n, ...)
        The results: decisions or maps. To compare two methods on the same patients, stack their
        scores and give the difference as the metric (see the examples). Whether two separate
        intervals overlap is no test.
    groups : array-like of shape (n,)
        The patient of each sample.
    metric : callable
        ``metric(y[rows], score[rows]) -> float``. Where it is undefined, such as on a draw of
        normal samples only, it raises InvalidPairsError (as the library's metrics do) or returns
        NaN.
    n_resamples : int, default=2000
        Number of draws. More draws make the ends of the interval more stable. Each draw calls
        `metric` once. A few hundred are enough for maps, which are copied for each draw.
    confidence_level : float, default=0.95
        Between 0 and 1, both excluded.
    random_state : int, RandomState or None, default=None
        None takes fresh entropy; the global generator is left alone. The draws depend on this
        and on the names of the patients, sorted as text. So with the same int, all methods get
        the same draws, whatever the order of the samples. New names that are sorted in another
        order have the effect of another seed.

    Returns
    -------
    Bunch
        estimate (`metric` of all samples), low, high, confidence_level, n_patients, n_resamples,
        and n_undefined: how many draws were left out because the metric was undefined on them.
        Report n_undefined with the interval, which comes from the other draws only.

    Raises
    ------
    InvalidPairsError
        For unequal lengths or missing patients; where the metric is undefined on all samples
        together (the metric's own error) or on more than half of the draws; below three
        patients. These are errors, not warnings, because in a table a useless interval looks like
        any other.
    ValueError
        For `n_resamples` or `confidence_level` out of range.

    References
    ----------
    Efron, Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. Rutter, Bootstrap
    estimation of diagnostic accuracy with patient-clustered data, Academic Radiology 7(6),
    413-419, 2000.

    Examples
    --------
    >>> from ctmri_detect.metrics import decision_roc_auc_score as auroc
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(60), 4)
    >>> y = np.where(groups % 2, -1, 1)
    >>> a, b = y + rng.normal(size=60)[groups] + rng.normal(size=(2, 240))
    >>> found = patient_bootstrap(y, a, groups, auroc, n_resamples=200, random_state=0)
    >>> found.low < found.estimate < found.high, found.n_patients, found.n_undefined
    (True, 60, 0)

    Two methods on the same patients: is 0 in the interval of the difference?

    >>> two = patient_bootstrap(
    ...     y,
    ...     np.stack([a, b], axis=1),
    ...     groups,
    ...     lambda y, s: auroc(y, s[:, 0]) - auroc(y, s[:, 1]),
    ...     n_resamples=200,
    ...     random_state=0,
    ... )
    >>> two.low < 0 < two.high
    True
    """
    y, score = np.asarray(plain_array(y)), np.asarray(plain_array(score))
    samples = _samples_by_patient(y, score, groups)
    _check_settings(n_resamples, confidence_level)
    rng = own_random_state(random_state)
    estimate = float(metric(y, score))  # errors of the metric are not caught here
    if np.isnan(estimate):
        raise InvalidPairsError(
            "The metric is NaN on all samples together; expected a number. Give samples on which "
            "it is defined, for example both normal and anomalous ones."
        )
    # scipy.stats.bootstrap over the numbers of the patients would do the same, but one undefined
    # draw makes its interval NaN, with a warning about another method.
    values = np.array([_value(metric, y, score, _draw(samples, rng)) for _ in range(n_resamples)])
    low, high = _middle(values, confidence_level)
    return Bunch(
        estimate=estimate,
        low=low,
        high=high,
        confidence_level=float(confidence_level),
        n_patients=len(samples),
        n_resamples=int(n_resamples),
        n_undefined=int(np.isnan(values).sum()),
    )


def _check_settings(n_resamples: int, confidence_level: float) -> None:
    if not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise ValueError(
            f"n_resamples is {n_resamples!r}; expected an int of 1 or more. Give 2000, or a few "
            "hundred for a slow metric."
        )
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level is {confidence_level!r}; expected a share between 0 and 1, both "
            "excluded. Give 0.95 for 95 %."
        )


def _samples_by_patient(y: Array, score: Array, groups: GroupsLike) -> list[npt.NDArray[np.intp]]:
    """The rows of each patient, the patients in the order of their names."""
    if y.ndim == 0 or score.ndim == 0 or len(y) != len(score):
        raise InvalidPairsError(
            f"y has shape {y.shape} and score {score.shape}; expected the same samples along the "
            "first axis of both. For two methods: score=np.stack([a, b], axis=1)."
        )
    codes = check_groups(groups, len(y))
    n_patients = len(np.unique(codes))
    if n_patients < _FEWEST_PATIENTS:
        raise InvalidPairsError(
            f"groups has {n_patients} patient(s); expected at least {_FEWEST_PATIENTS}, better "
            "twenty of each class. Report the metric without an interval, or add patients."
        )
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])


def _draw(samples: list[npt.NDArray[np.intp]], rng: np.random.RandomState) -> npt.NDArray[np.intp]:
    """The rows of as many patients as there are, drawn with replacement."""
    return np.concatenate([samples[i] for i in rng.randint(len(samples), size=len(samples))])


def _value(metric: Metric, y: Array, score: Array, rows: npt.NDArray[np.intp]) -> float:
    try:
        return float(metric(y[rows], score[rows]))
    except InvalidPairsError:
        return float("nan")


def _middle(values: npt.NDArray[np.float64], confidence_level: float) -> tuple[float, float]:
    """The ends of the middle part of the values that are defined."""
    defined = values[~np.isnan(values)]
    if 2 * len(defined) < len(values):
        raise InvalidPairsError(
            f"The metric is undefined on {len(values) - len(defined)} of {len(values)} draws of "
            "patients; expected at most half. Too few patients have an anomaly (or too few are "
            "normal): add patients of that class, or report the metric without an interval."
        )
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)
