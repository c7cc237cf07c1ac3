"""ROC curves of several detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_curve

from ctmri_detect._types import PairsLike
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.pipelines import decisions
from ctmri_detect.plotting.canvas import line_style, new_axes
from ctmri_detect.validation import check_decision, check_target

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
_GRID = np.linspace(0, 1, 201)  # false-positive rates at which the curves of seeds are averaged


class RocCurvesDisplay:
    """ROC curves of several detectors, the anomaly as the positive class.

    Parameters
    ----------
    curves : dict of str to (fpr, tpr)
        Arrays of equal length, from 0 to 1.
    aurocs : dict of str to float
        Area under each; the legend is sorted by it.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> display = RocCurvesDisplay.from_predictions(
    ...     [1, 1, -1, -1], {"good": [2, 1, -1, -2], "poor": [2, -2, 1, -1]})
    >>> display.aurocs
    {'good': 1.0, 'poor': 0.5}
    """

    def __init__(self, curves: dict[str, Curve], aurocs: dict[str, float]) -> None:
        self.curves = curves
        self.aurocs = aurocs

    @classmethod
    def from_predictions(
        cls, y_true: npt.ArrayLike, decisions: Mapping[str, Any]
    ) -> RocCurvesDisplay:
        """From labels (+1, -1) and the decisions (high = normal) of each detector."""
        runs = {name: [(y_true, d)] for name, d in decisions.items()}
        return cls._from_runs(runs)

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[str, Any], X: PairsLike, y: npt.ArrayLike
    ) -> RocCurvesDisplay:
        """Score `X` with fitted detectors; `y` is +1 normal, -1 anomalous."""
        scores = {name: decisions(each, X) for name, each in estimators.items()}
        return cls.from_predictions(y, scores)

    @classmethod
    def from_scores(cls, scores: pd.DataFrame) -> RocCurvesDisplay:
        """From the `scores` of a benchmark; several seeds give their mean curve and area."""
        runs: dict[str, list[tuple[Any, Any]]] = {}
        for (name, _), rows in scores.groupby(["detector", "seed"], sort=False):
            run = (rows["target"].to_numpy(), rows["decision"].to_numpy())
            runs.setdefault(str(name), []).append(run)
        return cls._from_runs(runs)

    @classmethod
    def _from_runs(cls, runs: dict[str, list[tuple[Any, Any]]]) -> RocCurvesDisplay:
        runs = {
            name: [(check_target(y), check_decision(d)) for y, d in each]
            for name, each in runs.items()
        }
        areas = {
            name: [decision_roc_auc_score(*run) for run in each] for name, each in runs.items()
        }
        aurocs = {name: float(np.mean(each)) for name, each in areas.items()}
        return cls({name: _mean_curve(each) for name, each in runs.items()}, aurocs)

    def plot(self, ax: Any = None) -> RocCurvesDisplay:
        """Draw on the caller's axes, or on a new figure; returns self."""
        self.ax_ = new_axes(ax, (5.6, 5.6))
        self.figure_ = self.ax_.figure
        self.ax_.plot([0, 1], [0, 1], color="0.5", linewidth=0.8, label="chance (0.500)")
        names = sorted(self.curves, key=lambda name: -self.aurocs[name])
        for index, name in enumerate(names):
            label = f"{name} ({self.aurocs[name]:.3f})".lstrip("_").replace("$", r"\$")
            self.ax_.plot(*self.curves[name], label=label, linewidth=1.8, **line_style(index))
        self.ax_.set_xlabel("Share of normal slices called anomalous")
        self.ax_.set_ylabel("Share of anomalous slices found")
        self.ax_.set_aspect("equal")
        self.ax_.set_xlim(-0.01, 1.01)
        self.ax_.set_ylim(-0.01, 1.01)
        self.ax_.legend(
            title="Detector (AUROC)", fontsize="small", loc="lower right", frameon=False
        )
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self


def _mean_curve(runs: list[tuple[Any, Any]]) -> Curve:
    curves = [roc_curve(y == -1, -d)[:2] for y, d in runs]
    if len(curves) == 1:
        return curves[0]
    mean = np.mean([np.interp(_GRID, fpr, tpr) for fpr, tpr in curves], axis=0)
    return np.concatenate([[0.0], _GRID]), np.concatenate([[0.0], mean])
