"""Where the decisions of normal and of anomalous samples lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.plotting.canvas import ANOMALOUS_COLOR, NORMAL_COLOR, new_axes
from ctmri_detect.validation import check_decision, check_target

_BINS = 20


class ScoreDistributionDisplay:
    """Histograms of the decision of normal and of anomalous samples.

    Parameters
    ----------
    decision : array of shape (n,)
        High = normal, below 0 = called anomalous, as `decision_function` gives it.
    target : array of shape (n,)
        +1 normal, -1 anomalous.
    name : str, default=None
        Title.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> display = ScoreDistributionDisplay.from_predictions([1, 1, -1], [1.0, 2.0, -1.0]).plot()
    >>> display.ax_.get_ylabel()
    'Share of slices (%)'
    """

    def __init__(self, decision: Any, target: Any, name: str | None = None) -> None:
        self.decision = decision
        self.target = target
        self.name = name

    @classmethod
    def from_predictions(
        cls, y_true: Any, decision: Any, *, name: str | None = None
    ) -> ScoreDistributionDisplay:
        """From labels (+1, -1) and decisions."""
        return cls(decision, y_true, name)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, name: str | None = None
    ) -> ScoreDistributionDisplay:
        """Score `X` with a fitted detector or Pipeline; `y` is +1 normal, -1 anomalous."""
        return cls(estimator.decision_function(X), y, name)

    @classmethod
    def from_scores(cls, scores: pd.DataFrame, detector: str) -> ScoreDistributionDisplay:
        """From the `scores` of a benchmark: one detector, all seeds together."""
        rows = scores[scores["detector"] == detector]
        if rows.empty:
            raise ValueError(
                f"scores has no detector {detector!r}; expected one of "
                f"{', '.join(map(str, scores['detector'].unique())) or '(it is empty)'}."
            )
        return cls(rows["decision"].to_numpy(), rows["target"].to_numpy(), detector)

    def plot(self, ax: Any = None) -> ScoreDistributionDisplay:
        """Draw on the caller's axes, or on a new figure; returns self."""
        decision = check_decision(self.decision)
        target = check_target(self.target, len(decision))
        self.ax_ = new_axes(ax, (5.2, 3.2))
        self.figure_ = self.ax_.figure
        edges = np.histogram_bin_edges(decision, bins=_BINS)
        for label, color in ((1, NORMAL_COLOR), (-1, ANOMALOUS_COLOR)):
            self._draw(decision[target == label], edges, label, color)
        self.ax_.axvline(0, color="0.5", linestyle=":", linewidth=1)
        self.ax_.set_xlabel("Decision (below 0 = called anomalous)")
        self.ax_.set_ylabel("Share of slices (%)")
        if self.name:
            # a dollar sign in a name is no formula
            self.ax_.set_title(self.name, fontsize="medium", parse_math=False)
        self.ax_.set_ylim(top=1.2 * self.ax_.get_ylim()[1])  # room for the legend
        self.ax_.legend(loc="upper center", ncols=2, fontsize="small", frameon=False)
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self

    def _draw(
        self, values: npt.NDArray[Any], edges: npt.NDArray[Any], label: int, color: str
    ) -> None:
        if not len(values):
            return
        self.ax_.hist(
            values,
            edges,
            weights=np.full(len(values), 100 / len(values)),
            histtype="stepfilled",
            facecolor=(color, 0.35),
            edgecolor=color,
            linestyle="-" if label == 1 else "--",
            label=f"{'normal' if label == 1 else 'anomalous'} (n = {len(values)})",
        )
