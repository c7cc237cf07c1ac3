"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.evaluation import BenchmarkResult
from ctmri_detect.evaluation.samples import ALL
from ctmri_detect.evaluation.table import leaderboard
from ctmri_detect.html.page import write_page
from ctmri_detect.pipelines import NO_THRESHOLD
from ctmri_detect.plotting import panels
from ctmri_detect.plotting.canvas import shown_units
from ctmri_detect.plotting.distribution import ScoreDistributionDisplay
from ctmri_detect.plotting.maps import VMAX, VMIN
from ctmri_detect.plotting.roc import RocDisplay
from ctmri_detect.reports.examples import (
    Example,
    flagged_shares,
    has_threshold,
    readable,
    shown_as,
    shown_detectors,
    typical_examples,
    worst_examples,
)
from ctmri_detect.reports.tables import leaderboard_table, scale_stops, score_grid


def write_report(
    result: BenchmarkResult,
    data: Bunch,
    path: str | Path,
    *,
    title: str = "Benchmark of anomaly detectors on CT-MRI pairs",
    n_examples: int | None = None,
    synthetic: bool | None = None,
) -> Path:
    """Write the results of a benchmark as one HTML file, images included.

    The page holds the leaderboard, AUROC by kind, ROC curves, the decisions of normal and
    anomalous slices, examples chosen before scoring with the maps of the three best detectors on
    one fixed colour scale, the worst errors of the best one, and all settings. It loads nothing
    from the network and follows the reader's light or dark mode.

    Parameters
    ----------
    result : BenchmarkResult
    data : Bunch
        What was benchmarked: `data`, and where they exist `masks`, `ct_units`, `DESCR`.
    path : str or Path
        The file; its folder is made.
    title : str
        Heading of the page.
    n_examples : int, default=None
        Examples in the gallery, at most 40; None shows all that the result kept.
    synthetic : bool, default=None
        Whether to say that the data are synthetic; None looks for the word in `data.DESCR`.

    Returns
    -------
    Path
        The file, below 6 MB.

    Raises
    ------
    ImportError
        Without jinja2 or matplotlib; the message is the command that installs them.
    """
    description = str(getattr(data, "DESCR", "") or "")
    return write_page(
        "ctmri_detect.reports",
        "report.html.j2",
        path,
        title=title,
        synthetic="synthetic" in description.lower() if synthetic is None else synthetic,
        summary=_summary(result),
        board=leaderboard_table(result, data),
        grid=score_grid(result),
        errors=_errors(result.table),
        roc=_roc(result),
        distributions=_distributions(result),
        gallery=_gallery(result, data, n_examples),
        settings=result.settings | {"Written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"},
        description=description.strip(),
    )


def _summary(result: BenchmarkResult) -> str:
    board = leaderboard(result.table)
    best = board.iloc[0]
    counts = result.table[result.table["kind"] == ALL].iloc[0]
    tested = f"{counts['n_anomalous']} anomalous and {counts['n_normal']} normal slices"
    if np.isnan(best["image_auroc"]):
        return f"No detector could be measured on {tested}."
    return (
        f"Best of {len(board)}: {best['detector']}, image AUROC {best['image_auroc']:.3f} on "
        f"{tested}. Detectors were trained on normal slices of other patients only."
    )


def _errors(table: pd.DataFrame) -> list[tuple[str, str]]:
    failed = table[table["error"] != ""].drop_duplicates(["detector", "seed", "error"])
    lines = [(f"{row.detector}, seed {row.seed}", row.error) for row in failed.itertuples()]
    return [(str(name), str(error)) for name, error in lines]


def _roc(result: BenchmarkResult) -> dict[str, str]:
    if result.scores.empty:
        return {}
    display = RocDisplay.from_scores(result.scores)
    areas = (f"{name} {area:.3f}" for name, area in display.aurocs.items())
    return panels.chart(display, (5.6, 5.4)) | {
        "alt": f"ROC curves. Area under the curve: {'; '.join(areas)}."
    }


def _distributions(result: BenchmarkResult) -> list[dict[str, str]]:
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
            chart = panels.chart(display, (4.4, 2.9))
            charts.append(chart | {"alt": alt, "caption": said})
    return charts


def _gallery(result: BenchmarkResult, data: Bunch, n_examples: int | None) -> dict[str, Any]:
    units = shown_as(data)
    names = shown_detectors(result)
    missed, alarms = worst_examples(result, data, names[0]) if names else ([], [])
    examples = typical_examples(result, data, n_examples) if names else []
    return {
        "examples": [_panels_of(each, units) for each in examples],
        "missed": [_panels_of(each, units) for each in missed],
        "alarms": [_panels_of(each, units) for each in alarms],
        "detectors": names,
        "has_threshold": bool(names) and has_threshold(result, names[0]),
        "masks": getattr(data, "masks", None) is not None,
        "hu": bool(examples) and all(shown_units(e.ct, units) == "hu" for e in examples),
        "scale": {"low": VMIN, "high": VMAX, "stops": scale_stops()},
    }


def _panels_of(example: Example, units: str | None) -> dict[str, Any]:
    """Heading and panels of one example: label, image, what a screen reader says, decision."""
    planes = [("CT", panels.ct_panel(example.ct, units)), ("MRI", panels.mri_panel(example.mri))]
    if example.mask is not None:
        label = "True lesion" if example.mask.any() else "No lesion"
        planes.append((label, panels.ct_panel(example.ct, units, example.mask)))
    shown = [
        {"label": label, "src": src, "alt": f"{label}. {example.heading}.", "note": ""}
        for label, src in planes
    ]
    for name, plane in example.maps.items():
        verdict = example.verdicts[name]
        shown.append(
            {
                "label": name,
                "src": panels.heat_panel(plane, example.mask),
                "alt": f"Anomaly map of {name}. {readable(example.heading)}: {verdict}.",
                "note": verdict,
            }
        )
    return {"heading": example.heading, "panels": shown}
