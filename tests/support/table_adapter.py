"""Shows the rows of a table to a detector as small pairs, so that check_estimator runs on it."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

SIDE = 8


def as_pairs(table):
    """Each row, repeated until it fills two planes of 8 x 8 pixels."""
    table = np.asarray(table, dtype=np.float64)
    repeats = -(-2 * SIDE**2 // table.shape[1])
    return np.tile(table, repeats)[:, : 2 * SIDE**2].reshape(-1, 2, SIDE, SIDE)


class TableAdapter(OutlierMixin, BaseEstimator):
    """A detector of pairs behind the interface of a detector of rows."""

    def __init__(self, detector=None):
        self.detector = detector

    def fit(self, X, y=None):
        X = validate_data(self, X, ensure_min_samples=2)
        self.detector_ = clone(self.detector).fit(as_pairs(X))
        self.offset_ = self.detector_.offset_
        return self

    def _pairs(self, X):
        check_is_fitted(self)
        return as_pairs(validate_data(self, X, reset=False))

    def score_samples(self, X):
        pairs = self._pairs(X)
        return self.detector_.score_samples(pairs)

    def decision_function(self, X):
        pairs = self._pairs(X)
        return self.detector_.decision_function(pairs)

    def predict(self, X):
        pairs = self._pairs(X)
        return self.detector_.predict(pairs)
