"""Several methods on several data sets: average ranks and how far apart they must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, studentized_range
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats

_FEWEST_DATASETS = 5
_FEWEST_METHODS = 3


@with_default_floats
def friedman_nemenyi(table: Any, *, alpha: float = 0.05, larger_is_better: bool = True) -> Bunch:
    """Compare methods over several data sets by their ranks.

    On each data set the methods are ranked; 1 is the best, and equal ones get the mean of their
    ranks. Friedman's test asks whether the average ranks differ at all. If they do, two methods
    differ where their average ranks are further apart than Nemenyi's critical difference

    .. math:: CD = q_\\alpha \\sqrt{k (k + 1) / (6 N)},

    for k methods on N data sets, with q the quantile of the studentised range divided by the
    square root of two.

    Data sets must be independent of each other: other patients, other scanners. Don't use seeds,
    folds or kinds of anomaly of one data set as data sets: this makes p far too small.

    Parameters
    ----------
    table : DataFrame of data sets (rows) and methods (columns)
        One metric, such as the image AUROC. At least five data sets and three methods; better
        more than ten and five, because Friedman's p is an approximation.
    alpha : float, default=0.05
        Level of the critical difference; between 0 and 1, both excluded. A smaller one gives a
        larger critical difference.
    larger_is_better : bool, default=True
        False where small values are good, as for an error or a time.

    Returns
    -------
    Bunch
        average_ranks (Series, the best first), statistic and p_value of Friedman's test (p is 1
        where all methods tie on every data set), critical_difference, alpha, n_datasets.

    Raises
    ------
    ValueError
        For fewer data sets or methods, for NaN, infinity or text in the table, and for `alpha` out
        of range.

    References
    ----------
    Demsar, Statistical comparisons of classifiers over multiple data sets, Journal of Machine
    Learning Research 7, 1-30, 2006.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal([0.9, 0.8, 0.7], 0.02, (8, 3)), columns=["a", "b", "c"])
    >>> found = friedman_nemenyi(table)
    >>> found.average_ranks.to_dict(), round(found.p_value, 4), round(found.critical_difference, 3)
    ({'a': 1.0, 'b': 2.0, 'c': 3.0}, 0.0003, 1.172)
    """
    if not 0 < alpha < 1:
        raise ValueError(
            f"alpha is {alpha!r}; expected a share between 0 and 1, both excluded. Give 0.05."
        )
    table = _checked(table)
    n, k = table.shape
    ranks = table.rank(axis=1, ascending=not larger_is_better)
    if (ranks == (k + 1) / 2).all(axis=None):
        statistic, p_value = 0.0, 1.0  # scipy would divide 0 by 0
    else:
        statistic, p_value = map(float, friedmanchisquare(*ranks.to_numpy().T))
    q = float(studentized_range.ppf(1 - alpha, k, np.inf)) / np.sqrt(2)
    return Bunch(
        average_ranks=ranks.mean().sort_values(kind="stable"),
        statistic=statistic,
        p_value=p_value,
        critical_difference=float(q * np.sqrt(k * (k + 1) / (6 * n))),
        alpha=float(alpha),
        n_datasets=n,
    )


def _checked(table: Any) -> pd.DataFrame:
    table = pd.DataFrame(table)
    n, k = table.shape
    if n < _FEWEST_DATASETS or k < _FEWEST_METHODS:
        raise ValueError(
            f"table has {n} data set(s) (rows) and {k} method(s) (columns); expected at least "
            f"{_FEWEST_DATASETS} and {_FEWEST_METHODS}: with fewer, ranks say nothing. For methods "
            "on one data set: pairwise_delong, or patient_bootstrap of their difference."
        )
    numeric = all(pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes)
    if not numeric or not np.isfinite(table.to_numpy(dtype=np.float64)).all():
        raise ValueError(
            "table holds NaN, infinity or text; expected one finite number for each method on each "
            "data set. Leave out a data set on which a method failed, and say so: table.dropna()."
        )
    return table
