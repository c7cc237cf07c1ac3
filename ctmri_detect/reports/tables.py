"""The report's tables, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ctmri_detect._extras import require
from ctmri_detect.evaluation import BenchmarkResult
from ctmri_detect.evaluation.samples import ALL
from ctmri_detect.evaluation.table import COLUMNS, METRICS, cell, leaderboard
from ctmri_detect.plotting.maps import COLORMAP
from ctmri_detect.reports.examples import readable

_HEADINGS = {
    "image_auroc": "Image AUROC",
    "image_ap": "Image AP",
    "pixel_ap": "Pixel AP",
    "fit_seconds": "Fit, s",
    "score_seconds": "Scoring, s",
    "peak_memory_mb": "Peak memory, MiB",
    "n_seeds": "Runs",
}
_GRID_COLORMAP = "cividis"  # made for colour-blind readers (Nuñez et al. 2018)


def leaderboard_table(result: BenchmarkResult, data: Bunch) -> dict[str, Any]:
    """Headings, rows of (detector, cells) and what chance would reach."""
    board = leaderboard(result.table)
    tops = {name: board[name].max() for name in METRICS}
    own = [name for name in result.table.columns if name not in COLUMNS]
    shown = [*METRICS, *own, *(name for name in _HEADINGS if name not in METRICS)]
    rows = []
    for _, row in board.iterrows():
        cells = [
            {
                "text": cell(name, row[name]),
                "metric": name in tops,
                "best": name in tops and row[name] == tops[name],
            }
            for name in shown
        ]
        rows.append({"name": row["detector"], "cells": cells})
    counts = result.table[result.table["kind"] == ALL].iloc[0]
    share = counts["n_anomalous"] / (counts["n_anomalous"] + counts["n_normal"])
    chance = f"image AUROC 0.500, image AP {share:.3f}"
    if getattr(data, "masks", None) is not None:
        chance += f", pixel AP at least {np.asarray(data.masks).mean():.4f}"
    headings = [_HEADINGS.get(name, readable(name)) for name in shown]
    return {"headings": headings, "n_metrics": len(METRICS), "rows": rows, "chance": chance}


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


def scale_stops() -> str:
    """The colour scale of the maps, as the stops of a CSS gradient."""
    matplotlib = require("matplotlib", extra="plot")
    colormap, to_hex = matplotlib.colormaps[COLORMAP], matplotlib.colors.to_hex
    return ", ".join(to_hex(colormap(i / 12)) for i in range(13))


def _shaded(value: float) -> dict[str, str]:
    """Text, ground and ink of a cell: 0.5 and below is dark, 1 is light."""
    if np.isnan(value):
        return {"text": "-", "ground": "transparent", "ink": "inherit"}
    matplotlib = require("matplotlib", extra="plot")
    color = matplotlib.colormaps[_GRID_COLORMAP](np.clip(2 * value - 1, 0, 1))
    luminance = np.dot(color[:3], [0.2126, 0.7152, 0.0722])
    ink = "#000000" if luminance > 0.42 else "#ffffff"
    return {"text": f"{value:.2f}", "ground": matplotlib.colors.to_hex(color), "ink": ink}
