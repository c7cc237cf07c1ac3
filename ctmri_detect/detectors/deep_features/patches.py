"""Patch features: whitened, scored, and put back on the image grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from ctmri_detect.detectors.deep_features.outlier import (
    abnormality,
    check_outlier,
    fit_outlier,
    make_outlier,
)
from ctmri_detect.features.backbone import STRIDE, enlargement

_LEAST_VARIANCE = 1e-6  # of the first component's: what is below is rounding, not anatomy
_LEAST_REMAINDER = 1e-3  # a channel, in variances: keeps the logarithm from answering to rounding
_SPREAD_QUANTILE = 0.84  # of a normal distribution, one standard deviation above the median

Grids = npt.NDArray[np.float32]


class PatchScorer(BaseEstimator):
    """How unusual a patch is: whitening, then any outlier detector, then one common scale.

    Parameters
    ----------
    detector : str or estimator
        See `make_outlier`.
    n_components : int
        Most principal components kept; fewer where the patches have fewer.
    random_state : int
    """

    def __init__(self, detector: Any, n_components: int, random_state: int) -> None:
        self.detector = detector
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, patches: Grids) -> PatchScorer:
        """Learn from normal patches ``(n, channels)``, two or more."""
        self.scaler_ = StandardScaler().fit(patches.astype(np.float64))
        self.pca_ = _whitening(self._scaled(patches), self.n_components)
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

    def score(self, patches: Grids) -> npt.NDArray[np.float64]:
        """``arcsinh((s - median) / spread)`` of patches ``(n, channels)``; high = abnormal."""
        scores = abnormality(self.outlier_, self._features(patches))
        return np.arcsinh((scores - self.center_) / self.scale_)

    def _scaled(self, patches: Grids) -> npt.NDArray[np.float64]:
        return self.scaler_.transform(patches.astype(np.float64))

    def _features(self, patches: Grids) -> npt.NDArray[np.float64]:
        """Whitened components, and what they leave of the patch: normal ones leave little."""
        scaled = self._scaled(patches)
        remainder = self.remainder_.transform(self._log_remainder(scaled))
        return np.hstack([self.pca_.transform(scaled), remainder])

    def _log_remainder(self, scaled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        kept = (scaled - self.pca_.mean_) @ self.pca_.components_.T
        squared = (scaled**2).sum(axis=1) - (kept**2).sum(axis=1)
        return np.log(np.maximum(squared, _LEAST_REMAINDER * scaled.shape[1]))[:, None]


def _whitening(scaled: npt.NDArray[np.float64], n_components: int) -> PCA:
    most = min(n_components, *scaled.shape)
    with np.errstate(invalid="ignore"):  # the share explained, where nothing varies at all
        pca = PCA(most, whiten=True, svd_solver="full").fit(scaled)
        strong = pca.explained_variance_ > _LEAST_VARIANCE * pca.explained_variance_[0]
        kept = max(1, int(strong.sum()))
        return pca if kept == most else PCA(kept, whiten=True, svd_solver="full").fit(scaled)


def upsampled(
    scores: npt.NDArray[np.float64], seen: npt.NDArray[np.bool_], image_shape: tuple[int, int]
) -> Grids:
    """Scores of cells as maps of pixels, linear between the cells' centres.

    Parameters
    ----------
    scores : float array (n, gh, gw)
    seen : bool array (n, gh, gw)
        Observed cells; the others take the score of the nearest observed one, 0 without any.
    image_shape : (int, int)

    Returns
    -------
    float32 array (n, height, width)
    """
    filled = np.zeros(scores.shape)
    for plane, cells, out in zip(scores, seen, filled, strict=True):
        if cells.any():
            nearest = distance_transform_edt(~cells, return_distances=False, return_indices=True)
            out[...] = plane[tuple(nearest)]
    k = enlargement(image_shape)
    rows, columns = (_linear(side, k, g) for side, g in zip(image_shape, scores.shape[1:]))  # noqa: B905
    return np.einsum("yi,nij,xj->nyx", rows, filled, columns, optimize=True).astype(np.float32)


def _linear(side: int, k: int, cells: int) -> npt.NDArray[np.float64]:
    """Weights ``(side, cells)`` of linear interpolation; flat beyond the outer centres."""
    place = (np.arange(side) + 0.5) * k / STRIDE - 0.5
    return np.stack([np.interp(place, np.arange(cells), cell) for cell in np.eye(cells)], axis=1)
