"""ROC curves of one or several detectors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.metrics import roc_curve

from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.plotting.canvas import new_axes
from ctmri_detect.plotting.curves import (
    Curve,
    Interval,
    Run,
    curve_title,
    draw_curves,
    finish,
    measured,
    unit_square,
)
from ctmri_detect.plotting.decision_curves import DecisionCurvesDisplay

_GRID = np.linspace(0, 1, 201)  # false-positive rates at which the curves of seeds are averaged


class RocDisplay(DecisionCurvesDisplay):
    """ROC curves of one or several detectors, with the anomaly as the positive class.

    Where the patients are known, the legend also shows the 95 % interval of each AUROC over
    patients (`metrics.patient_bootstrap`). With fewer than about twenty patients of each class it
    is too narrow. If two intervals overlap, this does not show that two detectors are equally good;
    see `metrics.delong_test`.

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
    def _from_runs(cls, runs: dict[str, Run], n_resamples: int) -> Self:
        return cls(*measured(runs, decision_roc_auc_score, _mean_curve, n_resamples))

    def plot(self, ax: Any = None) -> Self:
        """Draw on the given axes, or on a new figure; returns self."""
        self.ax_ = new_axes(ax, (5.0, 5.0))
        self.figure_ = self.ax_.figure
        draw_curves(self.ax_, self.curves, self.aurocs, self.intervals)
        self.ax_.plot([0, 1], [0, 1], color="0.5", linewidth=0.8, label="chance (0.500)")
        unit_square(
            self.ax_, "Share of normal slices called anomalous", "Share of anomalous slices found"
        )
        finish(self.ax_, curve_title("AUROC", self.intervals), "lower right")
        return self


def _mean_curve(run: Run) -> Curve:
    curves = [roc_curve(y == -1, -d)[:2] for y, d in run.parts()]
    if len(curves) == 1:
        return curves[0]
    mean = np.mean([np.interp(_GRID, fpr, tpr) for fpr, tpr in curves], axis=0)
    return np.concatenate([[0.0], _GRID]), np.concatenate([[0.0], mean])
