"""What ROC and precision-recall displays share: runs, their metric, and its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import patient_bootstrap
from ctmri_detect.pipelines import decisions, last_step
from ctmri_detect.plotting.canvas import line_style
from ctmri_detect.validation import check_decision, check_groups, check_target, groups_of

Numbers = npt.NDArray[np.float64]
Curve = tuple[Numbers, Numbers]
Metric = Callable[[Any, Any], float]
Interval = tuple[float, float]
N_RESAMPLES = 500  # the ends of an interval then vary by about 0.01


class Run(NamedTuple):
    """The decisions of one detector, one row per sample and seed."""

    target: npt.NDArray[np.int64]
    decision: Numbers
    seed: npt.NDArray[np.int64]
    patients: npt.NDArray[Any] | None

    def parts(self) -> list[tuple[npt.NDArray[np.int64], Numbers]]:
        """Target and decision of each seed."""
        seeds = np.unique(self.seed)
        return [(self.target[self.seed == s], self.decision[self.seed == s]) for s in seeds]

    def mean(self, metric: Metric) -> float:
        """The mean of the metric over the seeds."""
        return float(np.mean([metric(*part) for part in self.parts()]))

    def interval(self, metric: Metric, n_resamples: int) -> Interval:
        """95 % interval over patients; NaN where they are unknown or too few."""
        if self.patients is None or not n_resamples:
            return float("nan"), float("nan")

        def of_rows(target: Any, rows: Any) -> float:
            return Run(target, rows[:, 0], rows[:, 1], None).mean(metric)

        rows = np.stack([self.decision, self.seed.astype(float)], axis=1)
        try:
            found = patient_bootstrap(
                self.target, rows, self.patients, of_rows, n_resamples=n_resamples, random_state=0
            )
        except InvalidPairsError:  # fewer than three patients, or nearly all of one kind
            return float("nan"), float("nan")
        return found.low, found.high


def runs_of_predictions(
    y_true: npt.ArrayLike, decisions: Mapping[str, Any] | npt.ArrayLike, groups: GroupsLike
) -> dict[str, Run]:
    """Labels and decisions as runs; one array without a name is the run "detector"."""
    target = check_target(y_true)
    patients = _patients(groups, len(target))
    named = decisions if isinstance(decisions, Mapping) else {"detector": decisions}
    refuse_nothing(named)
    seed = np.zeros(len(target), dtype=np.int64)
    return {
        str(name): Run(target, check_decision(decision, len(target)), seed, patients)
        for name, decision in named.items()
    }


def runs_of_scores(scores: pd.DataFrame) -> dict[str, Run]:
    """The `scores` of a benchmark as runs; patients are its column `patient`, where it has one."""
    refuse_missing_columns(scores, ["detector", "seed", "target", "decision"], "scores")
    runs = {}
    for name, rows in scores.groupby("detector", sort=False):
        known = "patient" in rows and rows["patient"].notna().all()
        runs[str(name)] = Run(
            check_target(rows["target"].to_numpy()),
            check_decision(rows["decision"].to_numpy()),
            pd.factorize(rows["seed"])[0].astype(np.int64),
            _patients(rows["patient"].to_numpy() if known else None, len(rows)),
        )
    refuse_nothing(runs)
    return runs


def _patients(groups: GroupsLike, n_samples: int) -> npt.NDArray[Any] | None:
    """The patients' names, checked; names, not codes: the draws depend on their order."""
    if groups is None:
        return None
    check_groups(groups, n_samples)
    return np.asarray(plain_array(groups))


def predictions_of(
    estimators: Mapping[str, BaseEstimator] | BaseEstimator, X: PairsLike, groups: GroupsLike
) -> tuple[dict[str, Numbers], GroupsLike]:
    """The decisions of each fitted detector for `X`, and the patients where they are known."""
    scored = {name: decisions(each, X) for name, each in named_estimators(estimators).items()}
    return scored, groups_of(X, groups)


def named_estimators(
    estimators: Mapping[str, BaseEstimator] | BaseEstimator,
) -> dict[str, BaseEstimator]:
    """Detectors by name; a single detector gets the name of its class."""
    if not isinstance(estimators, Mapping):
        return {type(last_step(estimators)).__name__: estimators}
    refuse_nothing(estimators)
    return {str(name): each for name, each in estimators.items()}


def measured(
    runs: Mapping[str, Run],
    metric: Metric,
    mean_curve: Callable[[Run], Curve],
    n_resamples: int,
) -> tuple[dict[str, Curve], dict[str, float], dict[str, Interval]]:
    """Curve, metric and interval of each run."""
    return (
        {name: mean_curve(run) for name, run in runs.items()},
        {name: run.mean(metric) for name, run in runs.items()},
        {name: run.interval(metric, n_resamples) for name, run in runs.items()},
    )


def refuse_nothing(named: Mapping[str, Any]) -> None:
    """An error where there is no detector to draw."""
    if not named:
        raise ValueError(
            'There is no detector to draw; expected at least one, such as {"atlas": ...}.'
        )


def refuse_missing_columns(table: Any, columns: list[str], name: str) -> None:
    """An error that names what a table lacks."""
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{name} is {type(table).__name__}; expected a DataFrame.")
    if lacking := [column for column in columns if column not in table]:
        raise ValueError(
            f"{name} has no column {', '.join(map(repr, lacking))}; expected "
            f"{', '.join(map(repr, columns))}. It has {', '.join(map(repr, table.columns))}."
        )


def shown_name(name: Any) -> str:
    """A name as a label: matplotlib hides labels that begin with "_" and reads "$" as a formula."""
    return str(name).lstrip("_").replace("$", r"\$")


def legend_text(name: str, value: float, interval: Interval | None) -> str:
    """Name, metric and interval of a curve, as the legend shows them.

    Examples
    --------
    >>> legend_text("atlas", 0.9123, (0.85, 0.96))
    'atlas (0.912, 0.850 to 0.960)'
    """
    low, high = (np.nan, np.nan) if interval is None else interval
    ends = f", {low:.3f} to {high:.3f}" if np.isfinite([low, high]).all() else ""
    return f"{shown_name(name)} ({value:.3f}{ends})"


def curve_title(metric: str, intervals: Mapping[str, Interval]) -> str:
    """The legend's title, which explains the numbers in brackets."""
    if not any(np.isfinite(ends).all() for ends in intervals.values()):
        return f"Detector ({metric})"
    return f"Detector ({metric}, 95 % interval over patients)"


def draw_curves(
    ax: Any,
    curves: Mapping[str, Curve],
    values: Mapping[str, float],
    intervals: Mapping[str, Interval],
    *,
    drawstyle: str = "default",
) -> None:
    """One line per detector, the best first."""
    for index, name in enumerate(sorted(curves, key=lambda name: -values[name])):
        label = legend_text(name, values[name], intervals.get(name))
        look = line_style(index)
        ax.plot(*curves[name], label=label, linewidth=1.8, drawstyle=drawstyle, **look)


def unit_square(ax: Any, x: str, y: str) -> None:
    """Both axes from 0 to 1, equally long, with these labels."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_aspect("equal")
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.01)


def finish(ax: Any, title: str, loc: str) -> None:
    """The legend, and no frame above and to the right."""
    ax.legend(title=title, fontsize="small", title_fontsize="small", loc=loc, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
