"""The report: one HTML file without any other files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.evaluation import BenchmarkResult, evaluate
from ctmri_detect.evaluation.settings import NAMES
from ctmri_detect.html.page import write_page
from ctmri_detect.reports import charts
from ctmri_detect.reports.cautions import cautions, quiet_standings, summary
from ctmri_detect.reports.gallery import gallery
from ctmri_detect.reports.tables import figures_table, leaderboard_table, score_grid


def write_report(
    result: BenchmarkResult,
    data: Bunch,
    path: str | Path,
    *,
    title: str = "Benchmark of anomaly detectors on CT-MRI pairs",
    n_examples: int | None = None,
    synthetic: bool | None = None,
    figures: pd.DataFrame | None = None,
) -> Path:
    """Write the results of a benchmark as one HTML file, images included.

    The page holds the leaderboard with intervals over patients, warnings where there are too few
    patients, AUROC by kind, ROC and precision-recall curves, the decisions of normal and anomalous
    slices, the worst errors of the best detector, examples chosen before scoring with the maps of
    the three best detectors on one fixed colour scale, time and memory, and all settings. Where
    they are known: robustness curves, lesions found by size and contrast, and all metrics of
    `evaluate`. A reader can sort the tables, fade the maps, and change the window of a CT in HU.

    It loads nothing from the network, follows the reader's light or dark mode, and can be read
    without JavaScript. It shows the patients' names as given, or pseudonyms, see `benchmark`.

    Parameters
    ----------
    result : BenchmarkResult
        What `benchmark` returned.
    data : Bunch
        The data that were benchmarked: `data`, and optionally `masks`, `ct_units`, `orientation`,
        `frame`, `DESCR`.
    path : str or Path
        The file; its folder is made.
    title : str, default="Benchmark of anomaly detectors on CT-MRI pairs"
        Heading of the page.
    n_examples : int, default=None
        Examples in the gallery, at most 40. None shows all that the result kept, up to 40.
    synthetic : bool, default=None
        Whether to say that the data are synthetic; None looks for the word in `data.DESCR`.
    figures : DataFrame, default=None
        What `evaluate(result)` returned; None computes it, if the result has a store.

    Returns
    -------
    Path
        The file, below 10 MB.

    Raises
    ------
    ImportError
        Without jinja2 or matplotlib; the message is the command that installs them.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from ctmri_detect import ThresholdDetector
    >>> from ctmri_detect.evaluation import benchmark
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 16, 16))
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> data = Bunch(data=X, target=y, groups=np.arange(64) // 8)
    >>> result = benchmark({"threshold": ThresholdDetector()}, data, progress=False, n_examples=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(result, data, f"{folder}/report.html").name
    'report.html'
    """
    description = str(getattr(data, "DESCR", "") or "")
    sure = quiet_standings(result)
    if figures is None and result.store is not None:
        figures = evaluate(result)
    return write_page(
        "ctmri_detect.reports",
        "report.html.j2",
        path,
        title=title,
        synthetic="synthetic" in description.lower() if synthetic is None else synthetic,
        summary=summary(result, sure),
        cautions=cautions(result, sure),
        board=leaderboard_table(result, data, sure),
        grid=score_grid(result),
        errors=_errors(result.table),
        curves=charts.curves(result),
        distributions=charts.distributions(result),
        gallery=gallery(result, data, n_examples),
        costs=charts.costs(result, sure),
        robustness=charts.robustness(result),
        lesions=charts.lesions(result, data),
        figures=figures_table(figures),
        settings=result.settings | {"Written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"},
        description=description.strip(),
        pseudonyms=NAMES in result.settings,
    )


def _errors(table: pd.DataFrame) -> list[tuple[str, str]]:
    failed = table[table["error"] != ""].drop_duplicates(["detector", "seed", "error"])
    lines = [(f"{row.detector}, seed {row.seed}", row.error) for row in failed.itertuples()]
    return [(str(name), str(error)) for name, error in lines]
