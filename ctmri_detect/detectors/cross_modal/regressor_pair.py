"""Any scikit-learn regressor in the place of the small network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.base import (
    BaseEstimator,
    clone,
    is_classifier,
    is_clusterer,
    is_outlier_detector,
)

from ctmri_detect._parameters import HasMethods
from ctmri_detect._random import isolated_generators
from ctmri_detect.networks.regression import Values, center_and_scale

_LEAST_VARIANCE = 1e-6  # of the target's: training errors can be 0, errors on new pixels are not


def is_regressor(value: object) -> bool:
    """Whether it is a regressor, fitted or not: no classifier, clusterer or outlier detector."""
    methods = HasMethods(["fit", "predict", "get_params", "set_params"])
    if isinstance(value, type) or not methods.is_satisfied_by(value):
        return False
    other = (is_classifier, is_clusterer, is_outlier_detector)
    return not (hasattr(value, "__sklearn_tags__") and any(kind(value) for kind in other))


class RegressorPair(BaseEstimator):
    """Two clones of any scikit-learn regressor: one for the mean, one for the log-variance.

    Parameters
    ----------
    regressor : estimator
        With `fit` and `predict`; cloned.
    trim : float
        Share of the worst predicted pixels that a second fit leaves out.
    random_state : int
    """

    threadsafe = False  # unknown for other people's regressors

    def __init__(self, regressor: BaseEstimator, trim: float, random_state: int) -> None:
        self.regressor = regressor
        self.trim = trim
        self.random_state = random_state

    def fits_in_threads(self) -> bool:
        """Never: it is unknown whether other people's regressors may."""
        return False

    def _clone(self) -> Any:
        made = clone(self.regressor)
        seeds = {k: self.random_state for k in made.get_params() if k.endswith("random_state")}
        return made.set_params(**seeds)

    def fit(self, features: Values, target: Values) -> RegressorPair:
        """Fit on pixels: features ``(n, n_features)``, intensities ``(n,)``."""
        with isolated_generators(self.random_state):  # some regressors, such as SVR, use them
            return self._fit(features, target)

    def _fit(self, features: Values, target: Values) -> RegressorPair:
        scale = center_and_scale(target)[1][0]
        self.mean_ = self._clone().fit(features, target)
        error = (target - self.mean_.predict(features)) ** 2
        if self.trim > 0:
            used = error <= np.quantile(error, 1 - self.trim)
            features, target = features[used], target[used]
            self.mean_ = self._clone().fit(features, target)
            error = (target - self.mean_.predict(features)) ** 2
        self.least_ = _LEAST_VARIANCE * float(scale) ** 2
        self.log_variance_ = self._clone().fit(features, np.log(error + self.least_))
        guess = np.exp(self.log_variance_.predict(features))
        # the log of a squared normal variable lies 1.27 below that of its variance: rescale
        self.factor_ = float(np.mean(error / np.maximum(guess, self.least_)))
        return self

    def predict(self, features: Values) -> tuple[Values, Values]:
        """Mean and variance ``(n,)`` of each pixel's intensity."""
        if not len(features):  # most regressors refuse it
            return np.empty(0, np.float32), np.empty(0, np.float32)
        variance = self.factor_ * np.exp(self.log_variance_.predict(features))
        mean = np.asarray(self.mean_.predict(features), dtype=np.float32)
        return mean, np.maximum(variance, self.least_).astype(np.float32)

    def predict_each(self, parts: Iterable[Values]) -> Iterator[tuple[Values, Values]]:
        """`predict` for the features of one image after the other."""
        return map(self.predict, parts)
