"""Models of other kinds as estimators for the benchmark."""

from __future__ import annotations

from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ctmri_detect._parameters import HasMethods, OneOf, check_parameters, check_value
from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.evaluation.functions import GIVES, FunctionDetector
from ctmri_detect.evaluation.rows import RowDetector, takes_rows
from ctmri_detect.pipelines import flat_steps, last_step

_ESTIMATOR = HasMethods(["fit", "decision_function", "get_params", "set_params"])
_WAYS = "; ".join(f"gives={name!r}: {meaning}" for name, meaning in GIVES.items())


def as_detector(thing: Any, *, gives: str | None = None) -> Any:
    """Make a model of any kind into an estimator that a benchmark can measure.

    The result has ``fit(X, y=None)`` and ``decision_function(X)``, high = normal. Where it has
    maps, it also has ``anomaly_map(X)``, high = anomalous. X are pairs
    ``(n, n_planes, height, width)``.

    Parameters
    ----------
    thing : object
        - A detector of this library, a Pipeline or a search that ends in one, and any object of
          your own with these two methods: returned as it is. Derive yours from scikit-learn's
          ``BaseEstimator``, so that it can be cloned.
        - An outlier detector of scikit-learn or PyOD, or a Pipeline of scikit-learn that ends in
          one: takes each pair as one row of pixels, see `RowDetector`. Its sign is changed where
          needed (PyOD), so that high = normal. Steps of this library may come first in the
          Pipeline. A search goes around it: ``GridSearchCV(as_detector(IsolationForest()), ...)``.
        - A fitted model inside scikit-learn's ``FrozenEstimator``: returned as it is, and never
          fitted again.
        - A function ``f(X)``, or any other callable, together with `gives`.
    gives : {"decision", "anomaly_score", "anomaly_map"}, default=None
        What the function returns for n samples. "decision": ``(n,)``, high = normal, below 0 =
        anomalous. "anomaly_score": ``(n,)``, high = anomalous. "anomaly_map":
        ``(n, height, width)``, high = anomalous; the score of a sample is the mean of its largest
        0.5 % of pixels. Leave it out for anything but a function.

    Returns
    -------
    estimator

    Raises
    ------
    TypeError
        For anything else, for a function without `gives`, and for `gives` without a function.
    ValueError
        For another `gives`.

    Notes
    -----
    Outlier detectors of rows, and functions that give scores or maps, have no threshold: their
    ``offset_`` is ``-inf``, and their decisions only rank.

    Examples
    --------
    A detector of your own, as a class of two methods:

    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> class FarFromMean(BaseEstimator):
    ...     def fit(self, X, y=None):
    ...         self.mean_ = np.nanmean(X, axis=0)
    ...         return self
    ...     def decision_function(self, X):
    ...         return -np.nanmean((np.asarray(X) - self.mean_) ** 2, axis=(1, 2, 3))
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 16, 16))
    >>> odd = X[:1].copy(); odd[0, 1, 4:9, 4:9] += 5
    >>> mine = as_detector(FarFromMean()).fit(X)
    >>> bool(mine.decision_function(odd) < mine.decision_function(X).min())
    True

    Or as a function, here of maps:

    >>> mine = as_detector(lambda X: np.abs(X).max(axis=1), gives="anomaly_map").fit(X)
    >>> bool(mine.decision_function(odd) < mine.decision_function(X).min())
    True
    >>> mine.anomaly_map(odd).shape
    (1, 16, 16)

    Or scikit-learn's and PyOD's, on rows of pixels:

    >>> from sklearn.decomposition import PCA
    >>> from sklearn.ensemble import IsolationForest
    >>> from sklearn.pipeline import make_pipeline
    >>> as_detector(make_pipeline(PCA(8), IsolationForest())).fit(X).decision_function(odd).shape
    (1,)
    """
    if gives is not None:
        return _from_function(thing, gives)
    if isinstance(thing, type):
        raise TypeError(f"{thing.__name__} is a class; expected an object: {thing.__name__}(...).")
    if isinstance(thing, Pipeline) and _takes_pairs(thing.steps[0][1]):
        first, *rest = thing.steps
        if rest and takes_rows(_last(thing)):
            return Pipeline([first, ("detector", as_detector(Pipeline(rest)))])
    if takes_rows(_last(thing)):
        return _from_rows(thing)
    if _ESTIMATOR.is_satisfied_by(thing):
        return thing
    raise _refusal(thing)


def _from_function(thing: Any, gives: str) -> FunctionDetector:
    check_value("gives", gives, [OneOf(*GIVES), None])
    if isinstance(thing, type) or not callable(thing):
        raise TypeError(
            f"gives is {gives!r}, but thing is {_named(thing)}; expected a function f(X). Leave "
            "out gives for an estimator."
        )
    return FunctionDetector(thing, gives)


def _from_rows(thing: Any) -> RowDetector:
    last = thing
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    if isinstance(last, FrozenEstimator) or _is_search(last):
        name, inner = type(last).__name__, type(_last(last)).__name__
        cure = (
            f"Fit it on pairs first: FrozenEstimator(as_detector({inner}()).fit(X))"
            if isinstance(last, FrozenEstimator)
            else f"Put the search around: {name}(as_detector({inner}()), ...)"
        )
        raise TypeError(
            f"The {inner} inside {name} takes rows; expected an estimator that takes pairs. {cure}."
        )
    detector = RowDetector(thing)
    check_parameters(detector)
    return detector


def _last(thing: Any) -> Any:
    """The last estimator, also of a search that is not fitted."""
    last = last_step(thing)
    return _last(last.estimator) if _is_search(last) else last


def _is_search(thing: Any) -> bool:
    return hasattr(thing, "refit") and hasattr(thing, "estimator")


def _takes_pairs(step: Any) -> bool:
    return any(isinstance(each, BasePairedTransformer) for each in flat_steps(step))


def _named(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else type(thing).__name__


def _refusal(thing: Any) -> TypeError:
    if callable(thing) and not hasattr(thing, "fit"):
        name = getattr(thing, "__name__", type(thing).__name__)
        return TypeError(
            f"{name} is a function, and gives is None; expected one of {_WAYS}. Write "
            f"as_detector({name}, gives=...)."
        )
    missing = [name for name in _ESTIMATOR.methods if not hasattr(thing, name)]
    return TypeError(
        f"{_named(thing)} has no {', '.join(missing)}; expected a detector of ctmri_detect, an "
        "outlier detector of scikit-learn or PyOD, a fitted model in FrozenEstimator, an object "
        "of your own with fit and decision_function (high = normal), derived from sklearn.base."
        "BaseEstimator, or a function together with gives."
    )
