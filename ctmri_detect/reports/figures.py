"""Plots of a benchmark as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ctmri_detect.evaluation import BenchmarkResult
from ctmri_detect.evaluation.table import leaderboard
from ctmri_detect.plotting.canvas import bare, new_axes, style
from ctmri_detect.plotting.distribution import ScoreDistributionDisplay
from ctmri_detect.plotting.heat import add_colorbar
from ctmri_detect.plotting.maps import AnomalyMapDisplay
from ctmri_detect.plotting.pair import PairDisplay
from ctmri_detect.plotting.roc import RocDisplay
from ctmri_detect.plotting.shown import drawn_beneath
from ctmri_detect.reports.examples import (
    Example,
    orientation_of,
    shown_as,
    shown_detectors,
    typical_examples,
)

_COLUMNS = 3
_ROWS = 10
_DPI = 130


def write_figures(result: BenchmarkResult, data: Bunch, folder: str | Path) -> list[Path]:
    """Write ``roc.png``, ``score_distributions.png`` and ``gallery.png``.

    Parameters
    ----------
    result : BenchmarkResult
        What `benchmark` returned.
    data : Bunch
        The data that were benchmarked.
    folder : str or Path
        It is made if it does not exist.

    Returns
    -------
    list of Path
        The files written. A plot with nothing to show (every detector failed, no detector has
        maps) is left out.

    Raises
    ------
    ImportError
        Without matplotlib; the message is the command that installs it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from ctmri_detect import ThresholdDetector
    >>> from ctmri_detect.evaluation import benchmark
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 16, 16))
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> data = Bunch(data=X, target=y, groups=np.arange(64) // 8)
    >>> result = benchmark({"threshold": ThresholdDetector()}, data, progress=False, n_examples=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_figures(result, data, folder)][:2]
    ['roc.png', 'score_distributions.png']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figures = {}
    with style():
        if not result.scores.empty:
            figures["roc"] = RocDisplay.from_scores(result.scores).plot().figure_
            figures["score_distributions"] = _distributions(result)
        names = shown_detectors(result)
        examples = typical_examples(result, data, _ROWS) if names else []
        if examples:
            look = {"ct_units": shown_as(data), "orientation": orientation_of(data)}
            figures["gallery"] = _gallery(examples, names, look)
        paths = []
        for name, figure in figures.items():
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], dpi=_DPI)
    return paths


def _distributions(result: BenchmarkResult) -> Any:
    measured = set(result.scores["detector"])
    names = [n for n in leaderboard(result.table)["detector"] if n in measured]
    rows = -(-len(names) // _COLUMNS)
    columns = min(_COLUMNS, len(names))
    axes = np.ravel(new_axes(None, (4.6 * columns, 3.1 * rows), columns, rows))
    for name, ax in zip(names, axes, strict=False):
        ScoreDistributionDisplay.from_scores(result.scores, name).plot(ax)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    return axes[0].figure


def _gallery(examples: list[Example], names: list[str], look: dict[str, Any]) -> Any:
    n_planes = len(examples[0].planes)
    columns = n_planes + len(names)
    axes = new_axes(None, (2.1 * columns + 1, 2.35 * len(examples)), columns, len(examples))
    axes = np.reshape(axes, (len(examples), columns))
    for example, row in zip(examples, axes, strict=True):
        planes = example.planes
        shown = PairDisplay(*planes, modalities=example.names, roles=example.roles, **look)
        shown.plot(row[:n_planes])
        beneath = drawn_beneath(planes, example.names, example.roles)
        row[0].set_ylabel(
            example.heading.replace(": ", "\n", 1), fontsize="small", parse_math=False
        )
        for name, ax in zip(names, row[n_planes:], strict=True):
            display = AnomalyMapDisplay(example.maps[name], mask=example.mask, **beneath, **look)
            display.plot(ax, colorbar=False)
            ax.set_title("")
    for row in axes[1:, :n_planes].ravel():
        row.set_title("")
    for name, ax in zip(names, axes[0, n_planes:], strict=True):
        bare(ax, name)
    add_colorbar(axes[0, 0].figure, axes[:, -1].tolist())
    return axes[0, 0].figure
