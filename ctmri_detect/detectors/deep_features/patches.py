"""Whiten patch features, score them, and bring the scores to one scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from ctmri_detect.detectors.deep_features.outlier import (
    abnormality,
    check_outlier,
    fit_outlier,
    make_outlier,
)
from ctmri_detect.features.conditioning.projection import whitening

_LEAST_REMAINDER = 1e-3  # of a channel's variance; less is rounding error
_SPREAD_QUANTILE = 0.84  # of a normal distribution, one standard deviation above the median

Patches = npt.NDArray[np.float32]


class PatchScorer(BaseEstimator):
    """How unusual a patch is: whitening, then any outlier detector, then one common scale.

    Parameters
    ----------
    detector : str or estimator
        See `make_outlier`.
    n_components : int
        Most principal components kept; fewer if the patches have fewer.
    random_state : int
    """

    def __init__(self, detector: BaseEstimator, n_components: int, random_state: int) -> None:
        self.detector = detector
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, patches: Patches) -> PatchScorer:
        """Learn from normal patches ``(n, channels)``, two or more."""
        self.scaler_ = StandardScaler().fit(patches.astype(np.float64))
        self.pca_ = whitening(self._scaled(patches), self.n_components)
        self.remainder_ = StandardScaler().fit(self._log_remainder(self._scaled(patches)))
        features = self._features(patches)
        self.outlier_ = make_outlier(self.detector, self.random_state)
        fit_outlier(self.outlier_, features, self.random_state)
        if not isinstance(self.detector, str):
            check_outlier(self.outlier_, features)
        scores = abnormality(self.outlier_, features)
        self.center_, high = np.quantile(scores, (0.5, _SPREAD_QUANTILE))
        self.scale_ = high - self.center_ if high - self.center_ > 1e-9 else 1.0
        return self

    def score(self, patches: Patches) -> npt.NDArray[np.float64]:
        """``arcsinh((s - median) / spread)`` of patches ``(n, channels)``; high = abnormal."""
        scores = abnormality(self.outlier_, self._features(patches))
        return np.arcsinh((scores - self.center_) / self.scale_)

    def _scaled(self, patches: Patches) -> npt.NDArray[np.float64]:
        return self.scaler_.transform(patches.astype(np.float64))

    def _features(self, patches: Patches) -> npt.NDArray[np.float64]:
        """Whitened components, and the log of the variance that they do not explain."""
        scaled = self._scaled(patches)
        remainder = self.remainder_.transform(self._log_remainder(scaled))
        return np.hstack([self.pca_.transform(scaled), remainder])

    def _log_remainder(self, scaled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        kept = (scaled - self.pca_.mean_) @ self.pca_.components_.T
        squared = (scaled**2).sum(axis=1) - (kept**2).sum(axis=1)
        return np.log(np.maximum(squared, _LEAST_REMAINDER * scaled.shape[1]))[:, None]
