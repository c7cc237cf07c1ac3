"""The constructors that ROC and precision-recall displays share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.plotting.curves import (
    N_RESAMPLES,
    Run,
    predictions_of,
    runs_of_predictions,
    runs_of_scores,
)


class DecisionCurvesDisplay(ABC):
    """A display of curves that are made from decisions; subclasses write `_from_runs`."""

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        decisions: Mapping[str, Any] | npt.ArrayLike,
        *,
        groups: GroupsLike = None,
        n_resamples: int = N_RESAMPLES,
    ) -> Self:
        """From labels and decisions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            +1 normal, -1 anomalous.
        decisions : dict of str to array-like of shape (n,), or one array-like
            High = normal.
        groups : array-like of shape (n,), default=None
            The patient of each sample; None draws no interval.
        n_resamples : int, default=500
            Draws of patients for the interval. More take more time; 0 gives no interval.

        Raises
        ------
        InvalidPairsError
            For labels coded otherwise, one class only, NaN, or unequal lengths.
        ValueError
            Where there is no detector.
        """
        return cls._from_runs(runs_of_predictions(y_true, decisions, groups), n_resamples)

    @classmethod
    def from_estimator(
        cls,
        estimator: Mapping[str, BaseEstimator] | BaseEstimator,
        X: PairsLike,
        y: npt.ArrayLike,
        *,
        groups: GroupsLike = None,
        n_resamples: int = N_RESAMPLES,
    ) -> Self:
        """Score `X` with a fitted detector, Pipeline or search object, or a dict of several.

        `y` is +1 normal, -1 anomalous. The patients are those of `Pairs`, or `groups`. It raises
        what `from_predictions` does.
        """
        scored, patients = predictions_of(estimator, X, groups)
        return cls.from_predictions(y, scored, groups=patients, n_resamples=n_resamples)

    @classmethod
    def from_scores(cls, scores: pd.DataFrame, *, n_resamples: int = N_RESAMPLES) -> Self:
        """From the `scores` of a benchmark; of several seeds, the mean of curves and metrics."""
        return cls._from_runs(runs_of_scores(scores), n_resamples)

    @classmethod
    @abstractmethod
    def _from_runs(cls, runs: dict[str, Run], n_resamples: int) -> Self:
        """From the decisions of each detector."""
