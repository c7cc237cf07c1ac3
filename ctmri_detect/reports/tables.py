"""The report's tables, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._extras import require
from ctmri_detect.evaluation import BenchmarkResult
from ctmri_detect.evaluation.cells import AS_THEY_ARE
from ctmri_detect.evaluation.samples import ALL
from ctmri_detect.evaluation.table import COLUMNS, METRICS, cell, leaderboard
from ctmri_detect.plotting.heat import COLORMAP
from ctmri_detect.reports.cautions import leading_group
from ctmri_detect.reports.examples import readable

_HEADINGS = {
    "image_auroc": "Image AUROC (95 % interval)",
    "inside_patients": "Inside patients",
    "patient_identity": "Patient identity (control)",
    "normal_flagged": "Normal slices flagged",
    "n_patients": "Patients",
    "image_ap": "Image AP",
    "pixel_ap": "Pixel AP",
    "fit_seconds": "Fit, s",
    "score_seconds": "Scoring, s",
    "peak_memory_mb": "Peak memory, MiB",
    "n_seeds": "Runs",
}
_SURE = ["inside_patients", "patient_identity", "normal_flagged", "n_patients"]
_LOW_IS_GOOD = {"normal_flagged", "fit_seconds", "score_seconds", "peak_memory_mb"}
_GRID_COLORMAP = "cividis"  # made for colour-blind readers (Nuñez et al. 2018)


def leaderboard_table(result: BenchmarkResult, data: Bunch, sure: pd.DataFrame) -> dict[str, Any]:
    """Headings, rows of cells, the leading group, and the metrics of chance."""
    board = leaderboard(result.table).set_index("detector")
    board = board.join(sure[["low", "high", *_SURE]])
    own = [name for name in result.table.columns if name not in COLUMNS]
    shown = ["image_auroc", *_SURE, *(m for m in METRICS if m != "image_auroc"), *own]
    shown += [name for name in _HEADINGS if name not in shown]
    tops = {name: board[name].max() for name in METRICS}
    group = leading_group(sure)
    rows = [
        {
            "name": name,
            "leads": name in group and len(group) > 1,
            "cells": [
                _cell(column, row) | {"best": column in tops and row[column] == tops[column]}
                for column in shown
            ],
        }
        for name, row in board.iterrows()
    ]
    headings = [
        {
            "text": _HEADINGS.get(name, readable(name)),
            "metric": name in tops,
            "first": "ascending" if name in _LOW_IS_GOOD else "descending",
        }
        for name in shown
    ]
    tested = bool(sure["p_to_best"].notna().any())
    found = {"headings": headings, "rows": rows, "chance": _chance(result, data)}
    return found | {"group": len(group), "tested": tested, "several": len(sure) > 1}


def _cell(column: str, row: pd.Series) -> dict[str, Any]:
    """The text, and the number to sort the column by ("" where there is none)."""
    value = float(row[column])
    number = "" if np.isnan(value) else f"{value:.9g}"
    if column == "image_auroc" and not np.isnan(row["low"]):
        text = f"{value:.3f} ({row['low']:.3f} to {row['high']:.3f})"
    elif column == "normal_flagged":
        text = f"{value:.1%}".replace("%", " %") if number else "no threshold"
    elif column in ("n_patients", "n_seeds"):
        text = f"{value:.0f}" if number else "-"
    else:
        text = cell(column, value)
    return {"text": text, "number": number, "metric": column in METRICS}


def _chance(result: BenchmarkResult, data: Bunch) -> str:
    counts = result.table[result.table["kind"] == ALL].iloc[0]
    share = counts["n_anomalous"] / (counts["n_anomalous"] + counts["n_normal"])
    chance = f"image AUROC 0.500, image AP {share:.3f}"
    if getattr(data, "masks", None) is not None:
        chance += f", pixel AP at least {np.asarray(data.masks).mean():.4f}"
    return chance


def score_grid(result: BenchmarkResult) -> dict[str, Any]:
    """Image AUROC by detector and kind, each cell with its colours."""
    table = result.table
    kinds = [k for k in table["kind"].unique() if k != ALL]
    counts = table.drop_duplicates("kind").set_index("kind")["n_anomalous"]
    means = table.groupby(["detector", "kind"])["image_auroc"].mean()
    names = leaderboard(table)["detector"]
    return {
        "kinds": [{"name": readable(k), "count": int(counts[k])} for k in kinds],
        "rows": [
            {"name": name, "cells": [_shaded(float(means[name, kind])) for kind in kinds]}
            for name in names
        ],
    }


def figures_table(figures: pd.DataFrame | None) -> dict[str, Any] | None:
    """The metrics of `evaluate` on unchanged samples: a row per metric, a column per detector."""
    if figures is None or figures.empty:
        return None
    plain = figures[figures["condition"] == AS_THEY_ARE]
    means = plain.groupby(["level", "metric", "detector"], sort=False)[["value", "low", "high"]]
    values = means.mean()
    names = list(plain["detector"].unique())
    rows = [
        {
            "level": level,
            "name": readable(str(metric)),
            "cells": [_with_interval(values.loc[(level, metric, name)]) for name in names],
        }
        for level, metric in plain[["level", "metric"]].drop_duplicates().itertuples(index=False)
    ]
    return {"names": names, "rows": rows}


def _with_interval(row: pd.Series) -> str:
    if np.isnan(row["value"]):
        return "-"
    if np.isnan(row["low"]):
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def scale_stops() -> str:
    """The colour scale of the maps, as the stops of a CSS gradient."""
    matplotlib = require("matplotlib", extra="plot")
    colormap, to_hex = matplotlib.colormaps[COLORMAP], matplotlib.colors.to_hex
    return ", ".join(to_hex(colormap(i / 12)) for i in range(13))


def _shaded(value: float) -> dict[str, str]:
    """Text, background and text colour of a cell: 0.5 and below is dark, 1 is light."""
    if np.isnan(value):
        return {"text": "-", "number": "", "ground": "transparent", "ink": "inherit"}
    matplotlib = require("matplotlib", extra="plot")
    color = matplotlib.colormaps[_GRID_COLORMAP](np.clip(2 * value - 1, 0, 1))
    luminance = np.dot(color[:3], [0.2126, 0.7152, 0.0722])
    ink = "#000000" if luminance > 0.42 else "#ffffff"
    ground = matplotlib.colors.to_hex(color)
    return {"text": f"{value:.2f}", "number": f"{value:.9g}", "ground": ground, "ink": ink}
