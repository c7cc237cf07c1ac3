"""ROC curves of one or several detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import roc_curve

from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.plotting.canvas import new_axes
from ctmri_detect.plotting.curves import (
    N_RESAMPLES,
    Curve,
    Interval,
    Run,
    curve_title,
    draw_curves,
    finish,
    predictions_of,
    runs_of_predictions,
    runs_of_scores,
)

_GRID = np.linspace(0, 1, 201)  # false-positive rates at which the curves of seeds are averaged


class RocDisplay:
    """ROC curves of one or several detectors, the anomaly as the positive class.

    Where the patients are known, the legend also shows the 95 % interval of each AUROC over
    patients (`metrics.patient_bootstrap`). With fewer than about twenty patients of each kind it is
    too narrow. Two intervals that overlap don't say that two detectors are equally good; see
    `metrics.delong_test`.

    Parameters
    ----------
    curves : dict of str to (fpr, tpr)
        Arrays of equal length, from 0 to 1.
    aurocs : dict of str to float
        Area under each; the legend is sorted by it.
    intervals : dict of str to (low, high), default=None
        95 % interval of each area; NaN where there is none.

    Attributes
    ----------
    curves, aurocs, intervals
        As above.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> display = RocDisplay.from_predictions(
    ...     [1, 1, -1, -1], {"good": [2, 1, -1, -2], "poor": [2, -2, 1, -1]})
    >>> display.aurocs
    {'good': 1.0, 'poor': 0.5}
    >>> [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    ['good (1.000)', 'poor (0.500)', 'chance (0.500)']
    """

    def __init__(
        self,
        curves: dict[str, Curve],
        aurocs: dict[str, float],
        intervals: dict[str, Interval] | None = None,
    ) -> None:
        self.curves = curves
        self.aurocs = aurocs
        self.intervals = {} if intervals is None else intervals

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        decisions: Mapping[str, Any] | npt.ArrayLike,
        *,
        groups: GroupsLike = None,
        n_resamples: int = N_RESAMPLES,
    ) -> RocDisplay:
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
            Draws of patients for the interval; more take more time, 0 gives no interval.

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
    ) -> RocDisplay:
        """Score `X` with a fitted detector, Pipeline or search object, or a dict of several.

        `y` is +1 normal, -1 anomalous. The patients are those of `Pairs`, or `groups`.
        """
        scored, patients = predictions_of(estimator, X, groups)
        return cls.from_predictions(y, scored, groups=patients, n_resamples=n_resamples)

    @classmethod
    def from_scores(cls, scores: pd.DataFrame, *, n_resamples: int = N_RESAMPLES) -> RocDisplay:
        """From the `scores` of a benchmark; several seeds give their mean curve and area."""
        return cls._from_runs(runs_of_scores(scores), n_resamples)

    @classmethod
    def _from_runs(cls, runs: dict[str, Run], n_resamples: int) -> RocDisplay:
        metric = decision_roc_auc_score
        aurocs = {name: run.mean(metric) for name, run in runs.items()}
        intervals = {name: run.interval(metric, n_resamples) for name, run in runs.items()}
        return cls({name: _mean_curve(run) for name, run in runs.items()}, aurocs, intervals)

    def plot(self, ax: Any = None) -> RocDisplay:
        """Draw on the caller's axes, or on a new figure; returns self."""
        self.ax_ = new_axes(ax, (5.0, 5.0))
        self.figure_ = self.ax_.figure
        draw_curves(self.ax_, self.curves, self.aurocs, self.intervals)
        self.ax_.plot([0, 1], [0, 1], color="0.5", linewidth=0.8, label="chance (0.500)")
        self.ax_.set_xlabel("Share of normal slices called anomalous")
        self.ax_.set_ylabel("Share of anomalous slices found")
        self.ax_.set_aspect("equal")
        self.ax_.set_xlim(-0.01, 1.01)
        self.ax_.set_ylim(-0.01, 1.01)
        finish(self.ax_, curve_title("AUROC", self.intervals), "lower right")
        return self


def _mean_curve(run: Run) -> Curve:
    curves = [roc_curve(y == -1, -d)[:2] for y, d in run.parts()]
    if len(curves) == 1:
        return curves[0]
    mean = np.mean([np.interp(_GRID, fpr, tpr) for fpr, tpr in curves], axis=0)
    return np.concatenate([[0.0], _GRID]), np.concatenate([[0.0], mean])
