"""Outlier detectors that take rows of numbers, applied to pairs."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._parameters import CheckedParameters, Constraints, Such, check_parameters
from ctmri_detect._random import isolated_generators, own_random_state
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.detectors.deep_features.outlier import (
    abnormality,
    check_outlier,
    fit_outlier,
    is_outlier_estimator,
    make_outlier,
)
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pipelines import flat_steps
from ctmri_detect.validation import check_pairs, check_target

_FOREIGN = ("sklearn", "pyod")


def _ends_in_outlier_detector(value: Any) -> bool:
    steps = flat_steps(value) if isinstance(value, Pipeline) else [value]
    return bool(steps) and is_outlier_estimator(steps[-1])


class RowDetector(CheckedParameters, BaseEstimator):
    """Show each pair to an outlier detector as one row of pixels.

    The row of a pair holds all pixels of all its planes. What was not observed is filled with the
    mean of the training samples there. The detector does not know which pixels are neighbours,
    and gives no anomaly map. So it is only a baseline for detectors of images.

    Rows are long: 2 planes of 128 x 128 pixels are 32768 numbers. Put scikit-learn's PCA before
    a detector that computes a covariance of all numbers (EllipticEnvelope), or that is slow.

    Parameters
    ----------
    estimator : estimator or Pipeline
        An outlier detector of scikit-learn or PyOD, or another one with
        ``score_samples(rows)``, high = normal; or a Pipeline of steps that take rows and such a
        detector. It is cloned. If it draws from the global random generators, their state is
        restored afterwards.

    Attributes
    ----------
    steps_ : Pipeline
        Fills the gaps, then the steps before the detector.
    outlier_ : estimator
        The fitted outlier detector.
    offset_ : float
        ``-inf``: it has no threshold. Outlier detectors set their own threshold with the training
        samples, which look too normal, so it is not used.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 8, 8))
    >>> detector = RowDetector(IsolationForest(random_state=0)).fit(X)
    >>> decision = detector.decision_function(np.concatenate([X[:3], X[:1] + 4]))
    >>> int(decision.argmin())
    3
    """

    offset_ = -np.inf

    _parameter_constraints: ClassVar[Constraints] = {
        "estimator": [
            Such(
                "an outlier detector of rows that scores new ones, such as IsolationForest() or "
                "LocalOutlierFactor(novelty=True), or a Pipeline that ends in one",
                _ends_in_outlier_detector,
            )
        ]
    }

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator

    def fit(self, X: PairsLike, y: LabelsLike = None) -> RowDetector:
        """Fit on the pairs `X`, without those that `y` labels -1.

        Raises
        ------
        InvalidParameterError
            Where the estimator can't score new rows without labels.
        ValueError
            Where the score of a sample depends on the other samples, as with PyOD's ECOD.
        InvalidPairsError
            Where X are no valid pairs, or y are no labels +1 and -1 for them.
        """
        check_parameters(self)
        *steps, last = flat_steps(self.estimator)
        reader = check_pairs(X)
        rows = _rows(reader[:])
        if y is not None:
            rows = rows[check_target(y, len(rows)) == 1]
        seed = own_random_state(None).randint(2**31)
        self.steps_ = make_pipeline(SimpleImputer(keep_empty_features=True), *map(clone, steps))
        with isolated_generators(seed):  # PCA and others draw from the global generator
            features = self.steps_.fit_transform(rows)
        self.outlier_ = make_outlier(last, seed)
        fit_outlier(self.outlier_, features, seed)
        check_outlier(self.outlier_, features)
        self.sample_shape_ = reader.shape[1:]
        return self

    def score_samples(self, X: PairsLike) -> npt.NDArray[np.float64]:
        """Float64 ``(n,)``, high = normal, whatever sign the outlier detector has."""
        check_is_fitted(self, "outlier_")
        reader = check_pairs(X)
        if reader.shape[1:] != self.sample_shape_:
            raise InvalidPairsError(
                f"X has samples of shape {reader.shape[1:]}; the detector was fitted on "
                f"{self.sample_shape_}. Bring them to one grid, for example with make_preprocessor."
            )
        blocks = (self.steps_.transform(_rows(block)) for block in reader.blocks())
        return -np.concatenate([abnormality(self.outlier_, block) for block in blocks])

    def decision_function(self, X: PairsLike) -> npt.NDArray[np.float64]:
        """The same as `score_samples`: decisions only rank, and 0 has no meaning."""
        return self.score_samples(X)


def takes_rows(last: Any) -> bool:
    """Whether scikit-learn or PyOD defines its `fit`, which then takes rows.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> takes_rows(IsolationForest()), takes_rows(RowDetector(IsolationForest()))
    (True, False)
    """
    module = getattr(getattr(type(last), "fit", None), "__module__", None) or ""
    return module.split(".")[0] in _FOREIGN and not isinstance(last, Pipeline)


def _rows(pairs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return pairs.reshape(len(pairs), -1)
