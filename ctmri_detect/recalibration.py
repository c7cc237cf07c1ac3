"""The threshold of a Pipeline or a search object, from one's own healthy scans."""

from __future__ import annotations

from typing import TypeVar

from sklearn.base import BaseEstimator

from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.pipelines import walk

_Model = TypeVar("_Model", bound=BaseEstimator)


def recalibrate(estimator: _Model, X: PairsLike, *, groups: GroupsLike = None) -> _Model:
    """Set the threshold of a fitted model from your own healthy scans, in place.

    Takes X through the steps of the Pipeline, and calls ``recalibrate`` of the detector at its end.
    Nothing is fitted again.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
        It is changed: its detector gets the new threshold.
    X : array-like of shape (n_samples, n_planes, height, width)
        Healthy samples, as the first step takes them, of patients that the model was not fitted on.
    groups : array-like of shape (n_samples,), default=None
        Patient of each sample; not needed if X are `Pairs` that know them.

    Returns
    -------
    estimator
        The same object.

    Raises
    ------
    InvalidPairsError
        As the detector's ``recalibrate``: too few samples, or samples unlike those of the fit.
    TypeError
        If the last step is no detector of this library.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> from ctmri_detect.preprocessing import Resize
    >>> values = np.random.default_rng(0).normal(size=(60, 2, 32, 32))
    >>> X = Pairs(values, groups=range(60))
    >>> model = make_pipeline(Resize(16), AtlasDetector()).fit(X[:40])
    >>> recalibrate(model, X[40:])[-1].map_scoring_.threshold_.n_patients
    20
    """
    route, detector = walk(estimator, X)
    detector.recalibrate(route.X, groups=groups)
    return estimator
