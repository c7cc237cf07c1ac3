"""What ``demo`` and ``benchmark`` share: measure, write, show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._extras import require
from ctmri_detect.cli._messages import note, say
from ctmri_detect.evaluation import (
    benchmark,
    format_table,
    leaderboard,
)
from ctmri_detect.preprocessing import make_preprocessor
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
    size: int,
    folds: int,
    seed: int,
    quiet: bool,
) -> pd.DataFrame:
    """Benchmark the detectors, write tables, figures and the report; returns the leaderboard."""
    result = benchmark(
        detectors,
        data,
        cv=folds,
        seeds=(seed,),
        preprocessor=make_preprocessor(ct_units=data.ct_units, size=size),
        progress=not quiet and sys.stderr.isatty(),
    )
    result.table.to_csv(folder / "table.csv", index=False)
    _named(result.scores, data.frame).to_csv(folder / "scores.csv", index=False)
    note("writing the report", quiet=quiet)
    write_figures(result, data, folder)
    write_report(result, data, folder / "report.html")
    return leaderboard(result.table)


def show(board: pd.DataFrame, folder: str) -> None:
    """The leaderboard on the terminal; an error where nothing could be measured."""
    say(format_table(board))
    say(f"\nWrote report.html, table.csv, scores.csv and figures to {folder}.")
    if board["image_auroc"].isna().all():
        raise ValueError(f"No detector could be measured: {board['error'].iloc[0]}")


def _named(scores: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The scores with the files that the samples came from, where there are files."""
    if frame["ct"].isna().all():
        return scores
    files = frame[["ct", "mri"]].rename_axis("sample").reset_index()
    return scores.merge(files, on="sample", how="left")
