"""What ``demo`` and ``benchmark`` share: measure, write, show."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from ctmri_detect._extras import require
from ctmri_detect.cli._messages import begin, note, say
from ctmri_detect.evaluation import (
    BenchmarkResult,
    benchmark,
    controls,
    evaluate,
    format_table,
    leaderboard,
    standings,
)
from ctmri_detect.exceptions import CtmriDetectWarning
from ctmri_detect.layouts.planes import plane_columns
from ctmri_detect.reports import write_figures, write_report


def require_report() -> None:
    """Say what the report needs before the work, not after it."""
    require("matplotlib", extra="report")
    require("jinja2", extra="report")


def measure(
    detectors: dict[str, Any],
    data: Bunch,
    folder: Path,
    *,
    preprocessor: Pipeline,
    folds: int,
    seeds: Sequence[int],
    quiet: bool,
    store: str | None = None,
    n_jobs: int | None = None,
    pseudonyms: bool | bytes = False,
) -> pd.DataFrame:
    """Benchmark the detectors, write tables, figures and the report; returns the leaderboard."""
    begin(f"measuring {', '.join(detectors)} on {len(data.data)} samples", quiet=quiet)
    result = benchmark(
        detectors,
        data,
        cv=folds,
        seeds=seeds,
        preprocessor=preprocessor,
        store=store,
        n_jobs=n_jobs,
        pseudonyms=pseudonyms,
        progress=not quiet and sys.stderr.isatty(),
    )
    # names of files may hold those of patients
    scores = result.scores if pseudonyms else _named(result.scores, data.frame)
    board = write_results(result, data, scores, folder, quiet=quiet)
    board.attrs["controls"] = _controls(data, preprocessor)
    board.attrs["controls"].to_csv(folder / "controls.csv", index=False)
    return board


def _controls(data: Bunch, preprocessor: Pipeline) -> pd.DataFrame:
    """What scores reach that look for no anomaly; empty where labels are of one kind."""
    if len(set(data.target)) < 2:
        return pd.DataFrame(columns=["control", "auroc", "low", "high"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CtmriDetectWarning)  # said before, by the benchmark
        X = clone(preprocessor).fit_transform(data.data)
    return controls(X, data.target, groups=data.groups)


def write_results(
    result: BenchmarkResult, data: Bunch, scores: pd.DataFrame, folder: Path, *, quiet: bool
) -> pd.DataFrame:
    """Write tables, figures and the report; returns the leaderboard."""
    result.table.to_csv(folder / "table.csv", index=False)
    scores.to_csv(folder / "scores.csv", index=False)
    figures = None
    if result.store is not None:
        begin("evaluating the stored maps", quiet=quiet)
        figures = evaluate(result)
        figures.to_csv(folder / "metrics.csv", index=False)
    note("writing the report", quiet=quiet)
    write_figures(result, data, folder)
    write_report(result, data, folder / "report.html", figures=figures)
    return _with_intervals(leaderboard(result.table), result.scores)


def _with_intervals(board: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard with the interval of the AUROC over patients, and what else qualifies it."""
    sure = standings(scores).drop(columns=["image_auroc", "n_inside"])
    board = board.merge(sure, on="detector", how="left")
    first = ["detector", "image_auroc", "low", "high", "p_to_best", "inside_patients"]
    first += ["patient_identity", "normal_flagged", "n_patients"]
    left_out = {"n_seeds", "n_normal_patients", "n_anomalous_patients", *first}
    return board[[*first, *(name for name in board if name not in left_out)]]


def show(board: pd.DataFrame, folder: str) -> None:
    """The leaderboard on the terminal; an error where nothing could be measured."""
    say(format_table(board))
    say("\nlow, high: 95 % interval over patients. p_to_best from .05 on: no clear difference.")
    _say_controls(board)
    say(f"Wrote report.html, table.csv, scores.csv and figures to {folder}.")
    if board["image_auroc"].isna().all():
        raise ValueError(f"No detector could be measured: {board['error'].iloc[0]}")


def _say_controls(board: pd.DataFrame) -> None:
    """Scores that look for no anomaly, beside the detectors; and whether these are any better."""
    table = board.attrs.get("controls")
    if table is None or table.empty:
        return
    listed = ", ".join(f"{row.control} {row.auroc:.2f}" for row in table.itertuples())
    say(f"Controls, which look for no anomaly (image AUROC): {listed}. See controls.csv.")
    if board["inside_patients"].isna().all():
        say(
            "No patient has both normal and anomalous samples, so these figures may tell patients "
            "apart. Figures of patients: patient_auroc in metrics.csv, with --store."
        )
    seen = table.loc[table["control"] != "patient identity", "auroc"].max()  # has its own column
    if not (board["low"] > seen).any():
        say(f"No detector is clearly better than a control: no interval lies above {seen:.2f}.")


def _named(scores: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The scores with the files that the samples came from, where there are files."""
    columns = plane_columns(frame)
    if frame[columns].isna().all(axis=None):
        return scores
    files = frame[columns].rename_axis("sample").reset_index()
    return scores.merge(files, on="sample", how="left")
