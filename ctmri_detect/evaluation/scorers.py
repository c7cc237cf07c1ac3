"""Scorers for a search: what `GridSearchCV(..., scoring=...)` takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import MetadataRequest

from ctmri_detect._types import LabelsLike, PairsLike, PlanesLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.localization import anomaly_map
from ctmri_detect.metrics import (
    anomaly_map_average_precision_score,
    decision_average_precision_score,
    decision_roc_auc_score,
)
from ctmri_detect.validation import check_masks, check_target


class ImageScorer:
    """A metric of whole samples as a scorer of fitted estimators.

    It uses `score_samples` where the estimator has it: inside one split only the order counts, and
    scores have an order even with too few slices for a threshold. Labels other than +1 and -1 are
    an error.

    Parameters
    ----------
    metric : callable
        ``metric(y, scores)``, high scores = normal.

    Examples
    --------
    >>> from ctmri_detect import ThresholdDetector
    >>> X = np.random.default_rng(0).normal(size=(32, 2, 16, 16))
    >>> y = np.where(np.arange(32) % 4, 1, -1)
    >>> X[y == -1, 0, 4:8, 4:8] += 9
    >>> detector = ThresholdDetector().fit(X[y == 1], groups=range(24))
    >>> decision_roc_auc_scorer(detector, X, y)
    1.0
    """

    def __init__(self, metric: Callable[[Any, Any], float]) -> None:
        self.metric = metric

    def __call__(self, estimator: BaseEstimator, X: PairsLike, y: LabelsLike) -> float:
        """Score a fitted detector, Pipeline or search; `y` is +1 normal, -1 anomalous."""
        has = hasattr(estimator, "score_samples")
        return self.metric(y, (estimator.score_samples if has else estimator.decision_function)(X))


# The first is scikit-learn's "roc_auc"; its "average_precision" takes normal as positive.
decision_roc_auc_scorer = ImageScorer(decision_roc_auc_score)
decision_average_precision_scorer = ImageScorer(decision_average_precision_score)


class PixelAveragePrecisionScorer:
    """Average precision of the pixels of the maps, to choose parameters by localisation.

    Masks are no part of X or y. scikit-learn's metadata routing passes them to the scorer, cut to
    the samples of each split, as it passes `groups` to the splitter. Anomalous samples with an
    empty mask (whole slices: artefacts, exchanged planes) are left out. Use the instance
    `anomaly_map_average_precision_scorer`.

    A split without any lesion pixel has no score, and then the mean over splits has none either.
    So use few splits, with many patients each.

    Examples
    --------
    >>> import sklearn
    >>> from sklearn.model_selection import GridSearchCV
    >>> from ctmri_detect import AtlasDetector
    >>> from ctmri_detect.model_selection import NormalOnlyGroupKFold
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 32, 32))
    >>> y, patient = np.where(np.arange(64) % 4, 1, -1), np.arange(64) // 4
    >>> masks = np.zeros((64, 32, 32), bool)
    >>> masks[y == -1, 8:14, 8:12] = True
    >>> X[:, 0][masks] += 2
    >>> grid = {"map_scoring__smoothing": [0.0, 1.0]}
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     search = GridSearchCV(
    ...         AtlasDetector(),
    ...         grid,
    ...         scoring=anomaly_map_average_precision_scorer,
    ...         cv=NormalOnlyGroupKFold(2),
    ...     ).fit(X, y, groups=patient, masks=masks)
    >>> search.best_params_
    {'map_scoring__smoothing': 1.0}
    """

    def get_metadata_routing(self) -> MetadataRequest:
        """Tell scikit-learn's metadata routing that the scorer takes `masks`."""
        request = MetadataRequest(owner=type(self).__name__)
        request.score.add_request(param="masks", alias=True)
        return request

    def __call__(
        self,
        estimator: BaseEstimator,
        X: PairsLike,
        y: LabelsLike = None,
        *,
        masks: PlanesLike | None = None,
    ) -> float:
        """Score a fitted detector, Pipeline or search.

        Parameters
        ----------
        estimator : detector, Pipeline that ends in one, or fitted search object
        X : Pairs or array-like of shape (n, n_planes, height, width)
        y : array-like of shape (n,), default=None
            +1 normal, -1 anomalous; None keeps every sample.
        masks : bool array of shape (n, height, width)
            True = lesion.

        Raises
        ------
        InvalidPairsError
            Without masks, and for what `anomaly_map_average_precision_score` refuses.
        """
        if masks is None:
            raise InvalidPairsError(
                "masks is None; expected bool (n, height, width), True = lesion. In a search: "
                "sklearn.set_config(enable_metadata_routing=True), then "
                "search.fit(X, y, groups=patients, masks=masks)."
            )
        maps = anomaly_map(estimator, X)
        masks = check_masks(masks, maps.shape)
        kept = np.ones(len(masks), dtype=bool)
        if y is not None:
            kept = (check_target(y, len(masks)) == 1) | masks.any(axis=(1, 2))
        return anomaly_map_average_precision_score(masks[kept], maps[kept])


anomaly_map_average_precision_scorer = PixelAveragePrecisionScorer()
