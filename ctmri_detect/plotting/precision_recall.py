"""Precision-recall curves of one or several detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import precision_recall_curve

from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.metrics import decision_average_precision_score
from ctmri_detect.plotting.canvas import new_axes
from ctmri_detect.plotting.curves import (
    N_RESAMPLES,
    Curve,
    Interval,
    Numbers,
    Run,
    curve_title,
    draw_curves,
    finish,
    predictions_of,
    runs_of_predictions,
    runs_of_scores,
)

_GRID = np.linspace(0, 1, 201)  # recalls at which the curves of seeds are averaged


class PrecisionRecallDisplay:
    """Precision-recall curves of one or several detectors, the anomaly as the positive class.

    Precision depends on the share of anomalous samples, which is the chance level: compare curves
    of the same samples only. Where the patients are known, the legend also shows the 95 % interval
    of each average precision, as in `RocDisplay`.

    Parameters
    ----------
    curves : dict of str to (recall, precision)
        Arrays of equal length, from 0 to 1; recall rises. The precision of a point holds from the
        recall of the point before it up to its own, so that the area under these steps is the
        average precision.
    average_precisions : dict of str to float
        Area under each; the legend is sorted by it.
    chance : float
        Share of anomalous samples; drawn as a line.
    intervals : dict of str to (low, high), default=None
        95 % interval of each average precision; NaN where there is none.

    Attributes
    ----------
    curves, average_precisions, chance, intervals
        As above.
    ax_ : Axes
    figure_ : Figure

    References
    ----------
    Saito, Rehmsmeier, The precision-recall plot is more informative than the ROC plot when
    evaluating binary classifiers on imbalanced datasets, PLoS ONE 10(3):e0118432, 2015.

    Examples
    --------
    >>> display = PrecisionRecallDisplay.from_predictions(
    ...     [1, 1, 1, -1], {"good": [3, 2, 1, -1], "poor": [3, 0, 1, 2]})
    >>> display.average_precisions["good"], display.chance
    (1.0, 0.25)
    """

    def __init__(
        self,
        curves: dict[str, Curve],
        average_precisions: dict[str, float],
        chance: float,
        intervals: dict[str, Interval] | None = None,
    ) -> None:
        self.curves = curves
        self.average_precisions = average_precisions
        self.chance = chance
        self.intervals = {} if intervals is None else intervals

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        decisions: Mapping[str, Any] | npt.ArrayLike,
        *,
        groups: GroupsLike = None,
        n_resamples: int = N_RESAMPLES,
    ) -> PrecisionRecallDisplay:
        """From labels and decisions; parameters and errors are those of `RocDisplay`."""
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
    ) -> PrecisionRecallDisplay:
        """Score `X` with fitted detectors; parameters and errors are those of `RocDisplay`."""
        scored, patients = predictions_of(estimator, X, groups)
        return cls.from_predictions(y, scored, groups=patients, n_resamples=n_resamples)

    @classmethod
    def from_scores(
        cls, scores: pd.DataFrame, *, n_resamples: int = N_RESAMPLES
    ) -> PrecisionRecallDisplay:
        """From the `scores` of a benchmark; several seeds give their mean curve and area."""
        return cls._from_runs(runs_of_scores(scores), n_resamples)

    @classmethod
    def _from_runs(cls, runs: dict[str, Run], n_resamples: int) -> PrecisionRecallDisplay:
        metric = decision_average_precision_score
        values = {name: run.mean(metric) for name, run in runs.items()}
        intervals = {name: run.interval(metric, n_resamples) for name, run in runs.items()}
        curves = {name: _mean_curve(run) for name, run in runs.items()}
        chance = float(np.mean([np.mean(run.target == -1) for run in runs.values()]))
        return cls(curves, values, chance, intervals)

    def plot(self, ax: Any = None) -> PrecisionRecallDisplay:
        """Draw on the caller's axes, or on a new figure; returns self."""
        self.ax_ = new_axes(ax, (5.0, 5.0))
        self.figure_ = self.ax_.figure
        values = self.average_precisions
        draw_curves(self.ax_, self.curves, values, self.intervals, drawstyle="steps-pre")
        label = f"chance ({self.chance:.3f})"
        self.ax_.axhline(self.chance, color="0.5", linewidth=0.8, label=label)
        self.ax_.set_xlabel("Share of anomalous slices found (recall)")
        self.ax_.set_ylabel("Share of called slices that are anomalous (precision)")
        self.ax_.set_aspect("equal")
        self.ax_.set_xlim(-0.01, 1.01)
        self.ax_.set_ylim(-0.01, 1.01)
        finish(self.ax_, curve_title("average precision", self.intervals), "best")
        return self


def _mean_curve(run: Run) -> Curve:
    curves = [_curve(y, d) for y, d in run.parts()]
    if len(curves) == 1:
        return curves[0]
    # steps, not lines: the precision at a recall is that of the next recall that is reached
    at = [precision[np.searchsorted(recall, _GRID)] for recall, precision in curves]
    return _GRID, np.mean(at, axis=0)


def _curve(target: npt.NDArray[np.int64], decision: Numbers) -> Curve:
    precision, recall, _ = precision_recall_curve(target == -1, -decision)
    return recall[::-1], precision[::-1]
