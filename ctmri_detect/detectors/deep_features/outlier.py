"""Outlier detectors of PyOD and scikit-learn with one sign."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.covariance import EmpiricalCovariance, LedoitWolf
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors

from ctmri_detect._extras import require
from ctmri_detect._parameters import HasMethods
from ctmri_detect._random import isolated_generators
from ctmri_detect._types import LabelsLike

NAMES = ("mahalanobis", "ocsvm", "iforest", "knn", "ecod")
_GAMMA = 0.06  # of the kernel, divided by the number of features
_TRIED = 4  # rows that are scored one by one and together; the scores have to agree

Features = npt.NDArray[np.float64]


class TailProbabilities(BaseEstimator):
    """ECOD: how far out in the tails of the training values, summed over the features.

    PyOD's ECOD ranks new rows together with the training rows and with one another, so that the
    score of a row depends on the other rows. Here the tails are those of the training rows alone.
    As in PyOD, the score is ``sum_j max(-log left_j, -log right_j)``.

    References
    ----------
    Li, Zhao, Hu, Botta, Ionescu and Chen (2022), ECOD: unsupervised outlier detection using
    empirical cumulative distribution functions, IEEE TKDE.

    Examples
    --------
    >>> tails = TailProbabilities().fit(np.arange(99.0)[:, None])
    >>> tails.score_samples(np.array([[49.0], [98.0]])).round(1).tolist()
    [-0.7, -3.9]
    """

    def fit(self, X: Features, y: LabelsLike = None) -> TailProbabilities:
        """Keep the sorted training values."""
        self.sorted_ = np.sort(X, axis=0)
        return self

    def score_samples(self, X: Features) -> npt.NDArray[np.float64]:
        """Minus the sum over the features of the rarer tail's negative log-probability."""
        n = len(self.sorted_)
        scores = np.zeros(len(X))
        for known, new in zip(self.sorted_.T, X.T, strict=True):
            below = np.searchsorted(known, new, side="right")
            above = n - np.searchsorted(known, new, side="left")
            scores += np.log((np.minimum(below, above) + 1) / (n + 1))  # + 1: the row itself
        return scores


class NeighbourDistance(BaseEstimator):
    """Distance to the fifth nearest training sample, by brute force.

    PyOD's KNN always uses a ball tree, which is slow in a hundred dimensions.

    Examples
    --------
    >>> NeighbourDistance().fit(np.arange(9.0)[:, None]).score_samples(np.array([[11.0]]))
    array([-7.])
    """

    def fit(self, X: Features, y: LabelsLike = None) -> NeighbourDistance:
        """Keep the training samples."""
        self.index_ = NearestNeighbors(n_neighbors=min(5, len(X)), algorithm="brute").fit(X)
        return self

    def score_samples(self, X: Features) -> npt.NDArray[np.float64]:
        """Minus the distance."""
        distances: npt.NDArray[np.float64] = self.index_.kneighbors(X)[0]
        return -distances[:, -1]


class WideKernelSVM(BaseEstimator):
    """PyOD's One-Class SVM (nu .1) with a wide Gaussian kernel, scored by matrix products.

    The kernel's ``gamma`` is ``.06 / n_features``. With scikit-learn's usual 1 / n_features, all
    far outliers look alike (on development phantoms: AUROC .938 against .950). libsvm itself
    scores one row at a time, which takes several times as long.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> near, far = WideKernelSVM().fit(X).score_samples(np.array([[0.0, 0.0], [5.0, 5.0]]))
    >>> bool(near > far)
    True
    """

    def fit(self, X: Features, y: LabelsLike = None) -> WideKernelSVM:
        """Fit PyOD's estimator."""
        ocsvm = require("pyod.models.ocsvm", extra="deep").OCSVM
        self.svm_ = ocsvm(nu=0.1, gamma=_GAMMA / X.shape[1]).fit(X)
        return self

    def score_samples(self, X: Features) -> npt.NDArray[np.float64]:
        """The SVM's decision function."""
        svm = self.svm_.detector_
        kernel = rbf_kernel(X, svm.support_vectors_, gamma=self.svm_.gamma)
        scores: npt.NDArray[np.float64] = kernel @ svm.dual_coef_[0] + svm.intercept_
        return scores


def make_outlier(detector: BaseEstimator, seed: int) -> Any:
    """An unfitted estimator: a named one, or a clone of the caller's.

    Parameters
    ----------
    detector : {"mahalanobis", "ocsvm", "iforest", "knn", "ecod"} or estimator
    seed : int
        For an estimator whose ``random_state`` is None.
    """
    if not isinstance(detector, str):
        estimator = clone(detector)
        if "random_state" in estimator.get_params() and estimator.random_state is None:
            estimator.set_params(random_state=seed)
        return estimator
    if detector == "mahalanobis":
        return LedoitWolf()
    if detector == "ecod":
        return TailProbabilities()
    if detector == "knn":
        return NeighbourDistance()
    if detector == "ocsvm":
        return WideKernelSVM()
    return require("pyod.models.iforest", extra="deep").IForest(random_state=seed)


def is_outlier_estimator(value: Any) -> bool:
    """Whether it learns without labels, and scores new samples."""
    methods = HasMethods(["fit", "get_params", "set_params"])
    if isinstance(value, type) or not methods.is_satisfied_by(value):
        return False
    return not _wants_labels(value.fit) and _scores_new_samples(value)


def _wants_labels(fit: Any) -> bool:
    try:
        labels = signature(fit).parameters.get("y")
    except ValueError:  # compiled, without a signature
        return False
    return labels is not None and labels.default is Parameter.empty


def _scores_new_samples(estimator: BaseEstimator) -> bool:
    covariance = isinstance(estimator, EmpiricalCovariance)
    return covariance or _is_pyod(estimator) or hasattr(estimator, "score_samples")


def fit_outlier(estimator: BaseEstimator, features: Features, seed: int) -> Any:
    """Fit in place. Some detectors of PyOD seed the global generators; they are restored."""
    with isolated_generators(seed):
        return estimator.fit(features)


def check_outlier(estimator: BaseEstimator, features: Features) -> None:
    """Test whether a fitted estimator scores each sample by itself.

    Raises
    ------
    ValueError
        If a score depends on the other samples, or changes from call to call.
    """
    rows = features[:_TRIED]
    alone = np.concatenate([abnormality(estimator, row[None]) for row in rows])
    together = abnormality(estimator, rows)
    if not np.allclose(alone, together, rtol=1e-4, atol=1e-6 * max(1.0, np.abs(together).max())):
        raise ValueError(
            f"The scores of {type(estimator).__name__} depend on the other samples or change from "
            "call to call; expected an estimator that compares each sample with the training "
            f"samples alone. Take one of {', '.join(NAMES)}."
        )


def abnormality(estimator: BaseEstimator, features: Features) -> npt.NDArray[np.float64]:
    """Scores with high = abnormal for every estimator: float64 ``(n,)``.

    PyOD's ``predict``, ``labels_``, ``threshold_`` and ``contamination`` are never read.
    """
    if isinstance(estimator, EmpiricalCovariance):
        return np.sqrt(estimator.mahalanobis(features))
    pyod = _is_pyod(estimator)
    scores = estimator.decision_function(features) if pyod else estimator.score_samples(features)
    # The only place that handles both signs: PyOD has high = abnormal, scikit-learn high = normal.
    return np.asarray(scores, dtype=np.float64) * (1 if pyod else -1)


def _is_pyod(estimator: BaseEstimator) -> bool:
    return any(kind.__module__ == "pyod.models.base" for kind in type(estimator).__mro__)
