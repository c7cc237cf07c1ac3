"""Compute the maps of some samples that were already scored."""

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
    """Compute anomaly maps of these rows of X: float32 ``(m, height, width)`` on the grid of X.

    There are no warnings, because they were given when the samples were scored.
    """
    chosen = np.asarray(rows, dtype=np.int64)
    if not len(chosen):
        return np.empty((0, *X.shape[2:]), np.float32)
    steps = steps_of(estimator)
    with told_later(steps, looked=len(steps)), warnings_kept():
        return anomaly_map(estimator, X[chosen])
