"""Whether two detectors differ: DeLong's test, for slices and for patients."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from sklearn.utils import Bunch

from ctmri_detect._arrays import plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import GroupsLike
from ctmri_detect.metrics._placements import Placements, patients_of
from ctmri_detect.metrics.image import _image_inputs

_PAIR_COLUMNS = ["auroc_a", "auroc_b", "difference", "low", "high", "standard_error", "p_value"]


@with_default_floats
def delong_test(
    y_true: npt.ArrayLike,
    decision_a: npt.ArrayLike,
    decision_b: npt.ArrayLike,
    groups: GroupsLike = None,
    *,
    confidence_level: float = 0.95,
) -> Bunch:
    """Test whether two detectors, scored on the same samples, have the same AUROC.

    The AUROC is a mean over pairs of an anomalous and a normal sample, and so is the difference of
    two AUROCs. DeLong's variance of it takes into account that both detectors scored the same
    samples. The difference divided by its standard error is compared with the normal distribution,
    two-sided.

    DeLong's test assumes independent samples. **Slices of one patient are not independent.** If
    they are treated as independent, p-values are far too small. Give `groups` wherever a patient
    has several slices. The variance is then Obuchowski's for clustered data: patients are
    independent, and slices of one patient may resemble each other in any way.

    With fewer than about twenty patients of each class the normal distribution is too narrow, and
    there is no warning. The test is about other patients, not about a new training of the
    detectors.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        +1 normal, -1 anomalous.
    decision_a, decision_b : array-like of shape (n,)
        High = normal, as `decision_function` gives it. Only their order counts.
    groups : array-like of shape (n,), default=None
        The patient of each sample; None means that each sample is another patient.
    confidence_level : float, default=0.95
        Of the interval; between 0 and 1, both excluded.

    Returns
    -------
    Bunch
        auroc_a, auroc_b, difference (a minus b), standard_error, p_value, interval (low, high, of
        the difference), confidence_level. Where both detectors order all samples in the same way,
        the difference and its error are 0 and p is 1. Where the error is 0 although the AUROCs
        differ (one order is perfect, the other scores are constant), p and the interval are NaN,
        because no variance can be estimated.

    Raises
    ------
    InvalidPairsError
        For labels coded otherwise, unequal lengths, NaN, missing patients, or fewer than two
        patients (without `groups`: samples) of each class.
    ValueError
        For a `confidence_level` out of range.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson, Comparing the areas under two or more correlated receiver
    operating characteristic curves, Biometrics 44(3), 837-845, 1988. Sun, Xu, Fast implementation
    of DeLong's algorithm, IEEE Signal Processing Letters 21(11), 1389-1393, 2014. Obuchowski,
    Nonparametric analysis of clustered ROC curve data, Biometrics 53(2), 567-578, 1997.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> patient = np.repeat(np.arange(60), 4)
    >>> y = np.where(patient % 2, -1, 1)
    >>> a, b = y + [[1.0], [1.5]] * rng.normal(size=(2, 60))[:, patient]
    >>> round(delong_test(y, a, b).p_value, 3), round(delong_test(y, a, b, patient).p_value, 3)
    (0.03, 0.284)
    """
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level is {confidence_level!r}; expected a share between 0 and 1, both "
            "excluded. Give 0.95 for 95 %."
        )
    anomalous, a = _image_inputs(y_true, decision_a)
    _, b = _image_inputs(y_true, decision_b)
    codes = patients_of(groups, anomalous)
    of_a, of_b = Placements.of(anomalous, a), Placements.of(anomalous, b)
    gap = of_a - of_b
    difference, error = gap.area, float(np.sqrt(gap.variance(codes, anomalous)))
    p_value, half = _normal_test(difference, error, confidence_level)
    return Bunch(
        auroc_a=of_a.area,
        auroc_b=of_b.area,
        difference=difference,
        standard_error=error,
        p_value=p_value,
        interval=(difference - half, difference + half),
        confidence_level=float(confidence_level),
    )


def _normal_test(difference: float, error: float, level: float) -> tuple[float, float]:
    """Two-sided p and half the width of the interval."""
    if error > 0:
        half = float(norm.ppf((1 + level) / 2)) * error
        return float(2 * norm.sf(abs(difference) / error)), half
    return (float("nan"), float("nan")) if difference else (1.0, 0.0)


@with_default_floats
def pairwise_delong(
    y_true: npt.ArrayLike,
    decisions: Mapping[str, Any],
    groups: GroupsLike = None,
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Test every two of several detectors, with Holm's correction for the number of tests.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        +1 normal, -1 anomalous.
    decisions : dict of str to array-like of shape (n,)
        Name to decisions of a detector, high = normal; two or more, on the same samples.
    groups : array-like of shape (n,), default=None
        The patient of each sample; see `delong_test`: needed wherever a patient has several slices.
    confidence_level : float, default=0.95
        Of each interval by itself; the intervals are not corrected for their number.

    Returns
    -------
    DataFrame
        One row per pair, in the order of `decisions`: a, b, auroc_a, auroc_b, difference, low,
        high, standard_error, p_value, p_holm.

    Raises
    ------
    InvalidPairsError, ValueError
        As `delong_test` does.
    TypeError
        Where `decisions` is no dict of two detectors or more.

    Examples
    --------
    >>> y = [1, 1, 1, -1, -1, -1]
    >>> found = pairwise_delong(
    ...     y, {"a": [6, 5, 3, 4, 2, 1], "b": [6, 4, 1, 5, 3, 2], "c": [12, 10, 6, 8, 4, 2]}
    ... )
    >>> found[["a", "b", "difference", "p_value", "p_holm"]].round(2).values.tolist()
    [['a', 'b', 0.33, 0.08, 0.25], ['a', 'c', 0.0, 1.0, 1.0], ['b', 'c', -0.33, 0.08, 0.25]]
    """
    if not isinstance(decisions, Mapping) or len(decisions) < 2:
        count = f" of {len(decisions)}" if isinstance(decisions, Mapping) else ""
        raise TypeError(
            f"decisions is {type(decisions).__name__}{count}; expected a dict of two or more names "
            'and decisions, such as {"atlas": a.decision_function(X), ...}.'
        )
    rows: list[dict[str, Any]] = []
    for a, b in combinations(decisions, 2):
        found = delong_test(
            y_true, decisions[a], decisions[b], groups, confidence_level=confidence_level
        )
        low, high = found.interval
        values = found | {"low": low, "high": high}
        rows.append({"a": a, "b": b} | {name: values[name] for name in _PAIR_COLUMNS})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm_correction(table["p_value"]))


@with_default_floats
def holm_correction(p_values: Any) -> npt.NDArray[np.float64]:
    """Adjust p-values so that the probability of any false finding below alpha is at most alpha.

    This is Holm's step-down form of Bonferroni's correction. It is never less powerful, and the
    tests may depend on each other in any way.

    Parameters
    ----------
    p_values : array-like of shape (n,)
        NaN, the p-value of a test that could not be done, stays NaN and counts as a test.

    Returns
    -------
    ndarray of shape (n,)
        In the order given, each at least as large as before and at most 1.

    Raises
    ------
    ValueError
        For values outside 0 to 1, or anything but one row of numbers.

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6(2), 65-70, 1979.

    Examples
    --------
    >>> holm_correction([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(plain_array(p_values), dtype=np.float64)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        wrong = p[(p < 0) | (p > 1)][:3].tolist()
        raise ValueError(
            f"p_values has shape {p.shape}{f' and holds {wrong}' if wrong else ''}; expected one "
            "row of numbers from 0 to 1."
        )
    order = np.argsort(p)  # NaN last
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0)
