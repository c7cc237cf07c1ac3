"""What accuracy costs: time and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ctmri_detect._extras import require
from ctmri_detect.plotting.canvas import PALETTE, check_axes, new_axes
from ctmri_detect.plotting.curves import shown_name

_MARKERS = "osD^vP"
_AXES = {"seconds": "Fit and scoring (s)", "peak_memory_mb": "Peak memory (MiB)"}


class CostDisplay:
    """Image AUROC against time (a log axis) and against memory, one marker per detector.

    Parameters
    ----------
    board : DataFrame
        One row per detector, by name: image_auroc, low, high (NaN where there is no interval),
        seconds, peak_memory_mb.

    Attributes
    ----------
    ax_ : array of two Axes
    figure_ : Figure

    Examples
    --------
    >>> board = pd.DataFrame({"image_auroc": [0.9], "low": [0.8], "high": [0.95],
    ...                       "seconds": [12.0], "peak_memory_mb": [300.0]}, index=["atlas"])
    >>> CostDisplay(board).plot().ax_[0].get_xscale()
    'log'
    """

    def __init__(self, board: pd.DataFrame) -> None:
        self.board = board

    def plot(self, ax: Any = None) -> CostDisplay:
        """Draw on two Axes, or on a new figure; returns self."""
        made = new_axes(None, (5.0, 6.0), 1, 2) if ax is None else ax
        self.ax_ = check_axes(made, (2,))
        self.figure_ = self.ax_[0].figure
        for panel, (column, text) in zip(self.ax_, _AXES.items(), strict=True):
            self._draw(panel, column)
            panel.set_xlabel(text)
            panel.set_ylabel("Image AUROC")
            panel.grid(color="0.5", alpha=0.25, linewidth=0.6)
            panel.spines[["top", "right"]].set_visible(False)
        self._log_axis(self.ax_[0].xaxis)
        handles, names = self.ax_[0].get_legend_handles_labels()
        self.figure_.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
        return self

    def _log_axis(self, axis: Any) -> None:
        """Ticks in plain digits: at 1, 2, 5, 10 ..., or even ones where the range is narrow."""
        ticker = require("matplotlib.ticker", extra="plot")
        axis.axes.set_xscale("log")
        span = self.board["seconds"].max() / self.board["seconds"].min()
        steps = (1.0,) if span > 100 else (1.0, 2.0, 5.0)
        axis.set_major_locator(ticker.MaxNLocator(4) if span < 5 else ticker.LogLocator(subs=steps))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(ticker.NullLocator())

    def _draw(self, ax: Any, column: str) -> None:
        for index, (name, row) in enumerate(self.board.iterrows()):
            ends = np.array([[row["image_auroc"] - row["low"]], [row["high"] - row["image_auroc"]]])
            ax.errorbar(
                row[column],
                row["image_auroc"],
                yerr=np.clip(np.nan_to_num(ends), 0, None),
                fmt=_MARKERS[index % len(_MARKERS)],
                color=PALETTE[index % len(PALETTE)],
                markersize=7,
                linewidth=1,
                label=shown_name(name),
            )
