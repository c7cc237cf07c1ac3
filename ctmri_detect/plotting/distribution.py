"""Histograms of the decisions of normal and of anomalous samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import BaseEstimator

from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.pipelines import NO_THRESHOLD, decisions, has_threshold
from ctmri_detect.plotting.canvas import ANOMALOUS_COLOR, NORMAL_COLOR, new_axes
from ctmri_detect.validation import check_decision, check_target

_BINS = 20
_HEADROOM = 1.4  # of the axes over the highest bar
_KINDS = {1: ("normal", NORMAL_COLOR, "-"), -1: ("anomalous", ANOMALOUS_COLOR, "--")}


class ScoreDistributionDisplay:
    """Histograms of the decision of normal and of anomalous samples.

    A line marks the threshold, and the legend says which share of each class lies below it. Without
    a threshold, the histograms show ranks: 1 is the most anomalous sample.

    Parameters
    ----------
    decision : array of shape (n,)
        High = normal, below 0 = called anomalous, as `decision_function` gives it.
    target : array of shape (n,)
        +1 normal, -1 anomalous.
    name : str, default=None
        Title of the plot; None writes no title.
    has_threshold : bool, default=True
        Whether a decision below 0 means "called anomalous". Give False where a detector's `offset_`
        is ``-inf``, because it had too few healthy slices for a threshold.

    Attributes
    ----------
    flagged_ : dict of str to float
        Share of the "normal" and of the "anomalous" samples below the threshold; NaN where there
        is no threshold or no such sample.
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    InvalidPairsError
        For labels coded otherwise, unequal lengths, NaN or infinity.

    Examples
    --------
    >>> display = ScoreDistributionDisplay.from_predictions([1, 1, -1], [1.0, 2.0, -1.0]).plot()
    >>> display.ax_.get_ylabel()
    'Share of slices (%)'
    >>> display.flagged_
    {'normal': 0.0, 'anomalous': 1.0}
    """

    def __init__(
        self,
        decision: npt.ArrayLike,
        target: Any,
        name: str | None = None,
        *,
        has_threshold: bool = True,
    ) -> None:
        self.decision = decision
        self.target = target
        self.name = name
        self.has_threshold = has_threshold

    @classmethod
    def from_predictions(
        cls, y_true: npt.ArrayLike, decision: npt.ArrayLike, *, name: str | None = None
    ) -> ScoreDistributionDisplay:
        """From labels (+1, -1) and decisions."""
        return cls(decision, y_true, name)

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, X: PairsLike, y: LabelsLike, *, name: str | None = None
    ) -> ScoreDistributionDisplay:
        """Score `X` with a fitted detector or Pipeline; `y` is +1 normal, -1 anomalous."""
        known = has_threshold(estimator)
        return cls(decisions(estimator, X), y, name, has_threshold=known)

    @classmethod
    def from_scores(cls, scores: pd.DataFrame, detector: str) -> ScoreDistributionDisplay:
        """From the `scores` of a benchmark: one detector, all seeds together.

        If one of the folds has no threshold, the display has none.

        Raises
        ------
        ValueError
            Where `scores` has no such detector.
        """
        rows = scores[scores["detector"] == detector]
        if rows.empty:
            raise ValueError(
                f"scores has no detector {detector!r}; expected one of "
                f"{', '.join(map(str, scores['detector'].unique())) or '(it is empty)'}."
            )
        known = bool(rows["has_threshold"].all()) if "has_threshold" in rows else True
        decision, target = rows["decision"].to_numpy(), rows["target"].to_numpy()
        return cls(decision, target, detector, has_threshold=known)

    def plot(self, ax: Any = None) -> ScoreDistributionDisplay:
        """Draw on the given axes, or on a new figure; returns self."""
        decision = check_decision(self.decision)
        target = check_target(self.target, len(decision))
        self.ax_ = new_axes(ax, (5.2, 3.2))
        self.figure_ = self.ax_.figure
        shown = decision if self.has_threshold else rankdata(decision)
        edges = self._edges(shown)
        self.flagged_ = {}
        for label, (name, color, dash) in _KINDS.items():
            below = decision[target == label] < 0
            known = self.has_threshold and len(below) > 0
            self.flagged_[name] = float(below.mean()) if known else float("nan")
            self._draw(shown[target == label], edges, name, color, dash)
        if self.has_threshold:
            self.ax_.axvline(0, ymax=1 / _HEADROOM, color="0.5", linestyle=":", linewidth=1)
            self.ax_.set_xlabel("Decision (below 0 = called anomalous)")
        else:
            self.ax_.set_xlabel(f"Rank, 1 = most anomalous\n({NO_THRESHOLD})")
        self.ax_.set_ylabel("Share of slices (%)")
        if self.name:
            # without parse_math, a dollar sign in a name does not begin a formula
            self.ax_.set_title(self.name, fontsize="medium", parse_math=False)
        self.ax_.set_ylim(top=_HEADROOM * self.ax_.get_ylim()[1])  # room for the legend
        self.ax_.legend(loc="upper center", fontsize="small", frameon=False)
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self

    def _edges(self, shown: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """About twenty bins; the threshold is an edge of a bin."""
        width = float(np.ptp(shown)) / _BINS
        if not self.has_threshold or width <= 0:
            return np.histogram_bin_edges(shown, bins=_BINS)
        first, last = np.floor(shown.min() / width), np.floor(shown.max() / width) + 1
        edges = width * np.arange(first, last + 1)
        edges[0] = min(edges[0], shown.min())  # rounding must not lose the lowest sample
        return edges

    def _draw(
        self, values: npt.NDArray[Any], edges: npt.NDArray[Any], name: str, color: str, dash: str
    ) -> None:
        if not len(values):
            return
        share = self.flagged_[name]
        called = "" if np.isnan(share) else f", {100 * share:.0f} % called anomalous"
        self.ax_.hist(
            values,
            edges,
            weights=np.full(len(values), 100 / len(values)),
            histtype="stepfilled",
            facecolor=(color, 0.35),
            edgecolor=color,
            linestyle=dash,
            label=f"{name} (n = {len(values)}{called})",
        )
