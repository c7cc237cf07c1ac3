"""The report's charts, each with a text for screen readers."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.evaluation import (
    BenchmarkResult,
    TrainingPatients,
    evaluate_scores,
    lesion_effects,
)
from ctmri_detect.evaluation.cells import AS_THEY_ARE
from ctmri_detect.evaluation.samples import ALL
from ctmri_detect.evaluation.table import leaderboard
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pipelines import NO_THRESHOLD
from ctmri_detect.plotting import (
    PrecisionRecallDisplay,
    RobustnessDisplay,
    RocDisplay,
    ScoreDistributionDisplay,
    panels,
)
from ctmri_detect.reports.costs import CostDisplay
from ctmri_detect.reports.examples import first_seed, flagged_shares, has_threshold

Chart = dict[str, str]
_CURVES = (4.9, 5.0)
_SIZE, _CONTRAST = "diameter (mm)", "contrast-to-noise ratio"


def curves(result: BenchmarkResult) -> list[Chart]:
    """ROC and precision-recall curves; none where nothing was measured."""
    if result.scores.empty:
        return []
    # the intervals of the leaderboard, which are several times as fast as those of the displays
    roc = RocDisplay.from_scores(result.scores, n_resamples=0)
    recall = PrecisionRecallDisplay.from_scores(result.scores, n_resamples=0)
    roc.intervals, recall.intervals = _intervals(result, "auroc"), _intervals(result, "ap")
    shown = [
        (roc, "ROC curves. Area under the curve", roc.aurocs),
        (recall, "Precision-recall curves. Average precision", recall.average_precisions),
    ]
    return [
        panels.chart(display, _CURVES) | {"alt": f"{alt}: {_listed(values)}."}
        for display, alt, values in shown
    ]


def distributions(result: BenchmarkResult) -> list[Chart]:
    """Decisions of normal and anomalous slices, one chart per detector."""
    charts = []
    for name in leaderboard(result.table)["detector"]:
        if (result.scores["detector"] == name).any():
            display = ScoreDistributionDisplay.from_scores(result.scores, name)
            what, said = "ranks", f"{name}: {NO_THRESHOLD}."
            if display.has_threshold:
                normal, odd = flagged_shares(result, name)
                shares = f"{normal:.0%} of the normal and {odd:.0%} of the anomalous slices"
                what, said = "decisions", f"{name} calls {shares} anomalous."
            alt = f"Histogram of the {what} of {name} for normal and for anomalous slices."
            charts.append(panels.chart(display, (4.8, 3.1)) | {"alt": alt, "caption": said})
    return charts


def costs(result: BenchmarkResult, sure: pd.DataFrame) -> Chart | None:
    """Time and memory against accuracy."""
    board = leaderboard(result.table).set_index("detector").join(sure[["low", "high"]])
    board = board.assign(seconds=board["fit_seconds"] + board["score_seconds"])
    board = board[["image_auroc", "low", "high", "seconds", "peak_memory_mb"]]
    board = board[board[["image_auroc", "seconds"]].notna().all(axis=1) & (board["seconds"] > 0)]
    if len(board) < 2:
        return None
    said = (
        f"{name} {row['seconds']:.3g} s, {row['peak_memory_mb']:.0f} MiB, AUROC "
        f"{row['image_auroc']:.3f}"
        for name, row in board.iterrows()
    )
    alt = f"Image AUROC against time and against memory: {'; '.join(said)}."
    return panels.chart(CostDisplay(board), None) | {"alt": alt}


def robustness(result: BenchmarkResult) -> Chart | None:
    """AUROC under each condition; None where only unchanged samples were tested."""
    columns = ["condition", "level", "detector"]
    table = result.conditions.groupby(columns, sort=False)["image_auroc"].mean().reset_index()
    plain = table["condition"] == AS_THEY_ARE
    names = table.loc[~plain, "condition"].unique()
    if not len(names):
        return None
    # level 0 is the unchanged samples, except for training patients: 0 patients can't train
    same = [table[plain].assign(condition=n) for n in names if n != TrainingPatients.name]
    shown = pd.concat([*same, table[~plain]]).drop_duplicates(columns)
    alt = f"Curves of the image AUROC of each detector against the level of: {', '.join(names)}."
    return panels.chart(RobustnessDisplay(shown), None) | {"alt": alt}


def lesions(result: BenchmarkResult, data: Bunch) -> dict[str, Any] | None:
    """Lesions found, by size and contrast; None where these are not known."""
    frame = getattr(data, "frame", None)
    if frame is None or frame.empty or result.scores.empty:
        return None
    names = list(result.scores["detector"].unique())
    try:
        parts = [_effects(frame, first_seed(result.scores, name), name) for name in names]
    except InvalidPairsError:  # no sizes or contrasts, or no lesion
        return None
    table, metric = pd.concat(parts, ignore_index=True), "share_of_lesions_found"
    called = all(has_threshold(result, name) for name in names)
    if not called:  # nothing is found where there is no threshold
        table, metric = table.drop(columns=["low", "high"]), "image_auroc"
    alt = f"{'Share of lesions found' if called else 'Image AUROC'} by size and by contrast."
    chart = panels.chart(RobustnessDisplay(table, metric), None)
    return chart | {"alt": alt, "called": called}


def _effects(frame: pd.DataFrame, scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """For one detector, a row for each bin of size and of contrast, as curves need them."""
    own = frame.reset_index(drop=True).loc[scores["sample"]]
    effects = lesion_effects(own, scores["decision"], place="kind")
    parts = [
        effects[effects[factor] != ALL].assign(condition=text, level=effects[factor])
        for factor, text in (("size", _SIZE), ("contrast", _CONTRAST))
    ]
    names = {"rate": "share_of_lesions_found", "auroc": "image_auroc"}
    return pd.concat(parts).rename(columns=names).assign(detector=name)


def _intervals(result: BenchmarkResult, metric: str) -> dict[str, tuple[float, float]]:
    """95 % interval over patients of each detector, mean over seeds."""
    found = {}
    for name, rows in result.scores.groupby("detector", sort=False):
        figures = [
            evaluate_scores(own["target"], own["decision"], own["patient"], metrics=[metric])
            for _, own in rows.groupby("seed")
        ]
        low, high = pd.concat(figures)[["low", "high"]].mean()
        found[str(name)] = float(low), float(high)
    return found


def _listed(values: dict[str, float]) -> str:
    return "; ".join(f"{name} {value:.3f}" for name, value in values.items())
