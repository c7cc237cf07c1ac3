"""Maps of some samples whose scores are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._types import StoredArray
from ctmri_detect._warnings import warnings_kept
from ctmri_detect.base.telling import told_later
from ctmri_detect.localization import anomaly_map
from ctmri_detect.scoring_runs.worker import steps_of


def maps_again(
    estimator: BaseEstimator, X: StoredArray, rows: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Anomaly maps of these rows of X, ``(m, height, width)`` on the grid of X, computed anew.

    What there was to warn of was said when they were scored: nothing is said again.
    """
    chosen = np.asarray(rows, dtype=np.int64)
    if not len(chosen):
        return np.empty((0, *X.shape[2:]), np.float32)
    steps = steps_of(estimator)
    with told_later(steps, looked=len(steps)), warnings_kept():
        return anomaly_map(estimator, X[chosen])
