"""Charts of the inspection page: intensities and sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.plotting.canvas import PALETTE, new_axes

COLOURS = {"CT": PALETTE[0], "MRI": PALETTE[1]}
DASHES = {"CT": "-", "MRI": "--"}
MARKERS = {"CT": "o", "MRI": "s"}
_BINS = 64


@dataclass
class HistogramDisplay:
    """Histogram of the values of one modality, with its mean and median.

    Parameters
    ----------
    modality : str
    values : array
        The values of all files, without background.
    unit : str
        Label of the axis.
    """

    modality: str
    values: npt.NDArray[Any]
    unit: str

    def plot(self, ax: Any = None) -> HistogramDisplay:
        """Draw on the caller's axes, or on a new figure."""
        self.ax_ = new_axes(ax, (4.4, 3.0))
        colour = COLOURS[self.modality]
        _fill(self.ax_, self.values, colour, "-", self.modality)
        for value, name, dash in (
            (np.mean(self.values), "mean", "--"),
            (np.median(self.values), "median", ":"),
        ):
            self.ax_.axvline(
                value, ymax=0.8, color="0.5", linestyle=dash, label=f"{name} {value:.4g}"
            )
        _finish(self.ax_, self.unit)
        return self


@dataclass
class OverlaidDisplay:
    """Histograms of both modalities, each scaled to its own range, to compare their shapes."""

    values: dict[str, npt.NDArray[Any]]

    def plot(self, ax: Any = None) -> OverlaidDisplay:
        """Draw on the caller's axes, or on a new figure."""
        self.ax_ = new_axes(ax, (4.4, 3.0))
        for modality, values in self.values.items():
            low, high = np.percentile(values, [0.5, 99.5])
            scaled = (values - low) / (high - low if high > low else 1)
            _fill(self.ax_, np.clip(scaled, 0, 1), COLOURS[modality], DASHES[modality], modality)
        _finish(self.ax_, "Share of the modality's own range")
        return self


@dataclass
class SizesDisplay:
    """Width and height of the files: a dot for each size, which grows with the number of files."""

    sizes: dict[str, pd.DataFrame] = field(default_factory=dict)

    def plot(self, ax: Any = None) -> SizesDisplay:
        """Draw on the caller's axes, or on a new figure."""
        self.ax_ = new_axes(ax, (4.4, 3.6))
        for modality, table in self.sizes.items():
            self.ax_.scatter(
                table["width"].astype(float),
                table["height"].astype(float),
                s=15 + 15 * np.sqrt(table["files"].to_numpy(dtype=float)),
                color=COLOURS[modality],
                marker=MARKERS[modality],
                alpha=0.55,
                linewidths=0,
            )
            look = {"color": COLOURS[modality], "marker": MARKERS[modality]}
            self.ax_.plot([], [], linestyle="", label=modality, **look)
        self.ax_.set_xlabel("Width (pixels)")
        self.ax_.set_ylabel("Height (pixels)")
        self.ax_.set_xlim(left=0)
        self.ax_.set_ylim(bottom=0)
        self.ax_.legend(fontsize="small", frameon=False)
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self


def _fill(ax: Any, values: npt.NDArray[Any], colour: str, dash: str, label: str) -> None:
    low, high = np.percentile(values, [0.1, 99.9])
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    if np.all(values == np.round(values)) and high - low < 4 * _BINS:
        # whole numbers need bins of whole width, else some bins hold one value more
        width = max(1, int(np.ceil((high - low + 1) / _BINS)))
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + width, width)
    ax.hist(
        np.clip(values, edges[0], edges[-1]),
        edges,
        weights=np.full(len(values), 100 / len(values)),
        histtype="stepfilled",
        facecolor=(colour, 0.3),
        edgecolor=colour,
        linestyle=dash,
        label=label,
    )


def _finish(ax: Any, unit: str) -> None:
    ax.set_xlabel(unit)
    ax.set_ylabel("Share of pixels (%)")
    ax.set_ylim(top=1.25 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper center", ncols=3, fontsize="small", frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
