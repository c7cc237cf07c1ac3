"""Precision-recall curves of one or several detectors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve

from ctmri_detect.metrics import decision_average_precision_score
from ctmri_detect.plotting.canvas import new_axes
from ctmri_detect.plotting.curves import (
    Curve,
    Interval,
    Numbers,
    Run,
    curve_title,
    draw_curves,
    finish,
    measured,
    unit_square,
)
from ctmri_detect.plotting.decision_curves import DecisionCurvesDisplay

_GRID = np.linspace(0, 1, 201)  # recalls at which the curves of seeds are averaged


class PrecisionRecallDisplay(DecisionCurvesDisplay):
    """Precision-recall curves of one or several detectors, with the anomaly as the positive class.

    Precision depends on the share of anomalous samples, which is the chance level. So compare only
    curves of the same samples. Where the patients are known, the legend also shows the 95 %
    interval of each average precision, as in `RocDisplay`.

    Parameters
    ----------
    curves : dict of str to (recall, precision)
        Arrays of equal length, from 0 to 1; recall increases. The precision of a point holds from
        the recall of the point before it up to its own, so that the area under these steps is the
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
    def _from_runs(cls, runs: dict[str, Run], n_resamples: int) -> Self:
        metric = decision_average_precision_score
        curves, values, intervals = measured(runs, metric, _mean_curve, n_resamples)
        chance = float(np.mean([np.mean(run.target == -1) for run in runs.values()]))
        return cls(curves, values, chance, intervals)

    def plot(self, ax: Any = None) -> Self:
        """Draw on the given axes, or on a new figure; returns self."""
        self.ax_ = new_axes(ax, (5.0, 5.0))
        self.figure_ = self.ax_.figure
        values = self.average_precisions
        draw_curves(self.ax_, self.curves, values, self.intervals, drawstyle="steps-pre")
        label = f"chance ({self.chance:.3f})"
        self.ax_.axhline(self.chance, color="0.5", linewidth=0.8, label=label)
        unit_square(
            self.ax_,
            "Share of anomalous slices found (recall)",
            "Share of flagged slices that are anomalous (precision)",
        )
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
