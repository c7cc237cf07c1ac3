"""Features of cells as a few standardised, uncorrelated components."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

_LEAST_VARIANCE = 1e-6  # of the first component's; less is rounding error

Cells = npt.NDArray[np.floating[Any]]


class Projection(BaseEstimator):
    """Standardise features, then take their largest principal components.

    Parameters
    ----------
    n_components : int
        Most components that are kept; fewer if fewer have variance.
    whiten : bool, default=True
        Bring all components to one spread. False keeps distances between cells as they are.

    Examples
    --------
    >>> cells = np.random.default_rng(0).normal(size=(500, 5)) @ np.diag([1, 2, 3, 0, 0])
    >>> Projection(4).fit(cells).transform(cells).std(axis=0).round(2).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, n_components: int, whiten: bool = True) -> None:
        self.n_components = n_components
        self.whiten = whiten

    def fit(self, cells: Cells) -> Projection:
        """Learn from cells ``(n, n_features)``, two or more."""
        self.scaler_ = StandardScaler().fit(cells.astype(np.float64))
        self.pca_ = whitening(self.scaler_.transform(cells.astype(np.float64)), self.n_components)
        spread = np.sqrt(self.pca_.explained_variance_)[:, None]
        weights = self.pca_.components_ / (spread if self.whiten else 1)
        self.weights_ = (weights / self.scaler_.scale_).T.astype(np.float32)
        center = self.scaler_.mean_ / self.scaler_.scale_ + self.pca_.mean_
        self.shift_ = (weights @ center).astype(np.float32)
        return self

    @property
    def n_kept(self) -> int:
        """Number of components."""
        return int(self.weights_.shape[1])

    def transform(self, cells: Cells) -> npt.NDArray[np.float32]:
        """Components ``(..., n_kept)`` of cells ``(..., n_features)``."""
        found: npt.NDArray[np.float32] = cells.astype(np.float32, copy=False) @ self.weights_
        found -= self.shift_
        return found


def whitening(scaled: npt.NDArray[np.float64], n_components: int) -> PCA:
    """At most `n_components` principal components, those without variance left out, whitened."""
    most = min(n_components, *scaled.shape)
    with np.errstate(invalid="ignore"):  # 0 / 0 in the explained share of constant cells
        pca = PCA(most, whiten=True, svd_solver="full").fit(scaled)
        strong = pca.explained_variance_ > _LEAST_VARIANCE * pca.explained_variance_[0]
        kept = max(1, int(strong.sum()))
        return pca if kept == most else PCA(kept, whiten=True, svd_solver="full").fit(scaled)
