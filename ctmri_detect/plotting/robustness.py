"""A metric against the level of a condition."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.plotting.canvas import check_axes, line_style, new_axes
from ctmri_detect.plotting.curves import refuse_missing_columns, shown_name

_KEYS = ["condition", "level", "detector"]
_MARKERS = "osD^vP"
_WIDTH = 5.0  # inches
_ACRONYMS = ("auroc", "ap", "aupro", "aupimo", "froc")


class RobustnessDisplay:
    """A metric against the level of a condition: one panel per condition, one line per detector.

    For example, the AUROC against the shift of the MRI, and against noise.

    Parameters
    ----------
    table : DataFrame
        One row for each condition, level and detector, with the columns condition, level, detector
        and `metric`. Levels are numbers, or names in the order in which they come. With the
        columns low and high, such as an interval over patients, a band is drawn between them. A
        metric of NaN leaves a gap.
    metric : str, default="image_auroc"
        The column to draw.

    Attributes
    ----------
    table, metric
        As above.
    ax_ : array of Axes, one per condition
    figure_ : Figure

    Raises
    ------
    TypeError
        In `plot`, where the table is no DataFrame.
    ValueError
        In `plot`, where it is empty, lacks a column or has two rows for one point.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "condition": "shift (mm)", "level": [0, 2, 4], "detector": "atlas",
    ...     "image_auroc": [0.9, 0.85, 0.7], "low": [0.8, 0.75, 0.6], "high": [0.95, 0.9, 0.8]})
    >>> display = RobustnessDisplay(table).plot()
    >>> display.ax_[0].get_xlabel(), display.ax_[0].lines[0].get_label()
    ('shift (mm)', 'atlas')
    """

    def __init__(self, table: pd.DataFrame, metric: str = "image_auroc") -> None:
        self.table = table
        self.metric = metric

    def plot(self, ax: Any = None) -> RobustnessDisplay:
        """Draw on the given axes, or on a new figure.

        Parameters
        ----------
        ax : Axes or sequence of Axes, default=None
            One for each condition; None makes a new figure.

        Returns
        -------
        self
        """
        table = self._checked()
        conditions = list(pd.unique(table["condition"]))
        self.ax_ = _panels(ax, len(conditions))
        self.figure_ = self.ax_[0].figure
        names = list(pd.unique(table["detector"]))
        for panel, condition in zip(self.ax_, conditions, strict=True):
            rows = table[table["condition"] == condition]
            rows = rows.assign(level=rows["level"].infer_objects())  # here all may be numbers
            self._draw(panel, rows, names)
            panel.set_xlabel(_text(condition))
        _legend(self.ax_, own=ax is None)
        return self

    def _checked(self) -> pd.DataFrame:
        refuse_missing_columns(self.table, [*_KEYS, self.metric], "table")
        if self.table.empty:
            raise ValueError(
                "table is empty; expected one row for each condition, level and detector."
            )
        if (twice := self.table.duplicated(_KEYS)).any():
            row = self.table.loc[twice, _KEYS].iloc[0].to_dict()
            raise ValueError(
                f"table has two rows for {row}; expected one. Take the mean over seeds first: "
                "table.groupby(['condition', 'level', 'detector'])[metric].mean().reset_index()."
            )
        return self.table

    def _draw(self, ax: Any, rows: pd.DataFrame, names: list[Any]) -> None:
        places = _places(ax, rows["level"])
        for index, name in enumerate(names):
            own = (rows["detector"] == name).to_numpy()
            if not own.any():
                continue
            line, at = rows[own], places[own]
            order = np.argsort(at, kind="stable")
            line, at, look = line.iloc[order], at[order], line_style(index)
            marker = _MARKERS[index % len(_MARKERS)]
            values = line[self.metric].to_numpy(float)
            label = shown_name(name)
            ax.plot(at, values, label=label, marker=marker, markersize=5, linewidth=1.8, **look)
            if {"low", "high"} <= set(line):
                low, high = line["low"].to_numpy(float), line["high"].to_numpy(float)
                ax.fill_between(at, low, high, color=look["color"], alpha=0.15, linewidth=0)
        ax.set_ylabel(_metric_text(self.metric))
        ax.grid(axis="y", color="0.5", alpha=0.25, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)


def _panels(ax: Any, n: int) -> npt.NDArray[Any]:
    """`n` axes, one above the other, so that they can be read on a phone."""
    if ax is not None:
        return check_axes(np.atleast_1d(np.asarray(ax, dtype=object)), (n,))
    made = np.ravel(np.asarray(new_axes(None, (_WIDTH, 2.5 * n + 0.5), 1, n)))
    for panel in made[1:]:
        panel.sharey(made[0])
    return np.asarray(made)


def _places(ax: Any, levels: pd.Series) -> npt.NDArray[np.float64]:
    """The positions of levels on the axis: numbers at their value, names one after the other."""
    if pd.api.types.is_numeric_dtype(levels) and not pd.api.types.is_bool_dtype(levels):
        return levels.to_numpy(float)
    codes, names = pd.factorize(levels)
    ax.set_xticks(range(len(names)), [_text(name) for name in names])
    return np.asarray(codes, dtype=np.float64)


def _legend(axes: npt.NDArray[Any], *, own: bool) -> None:
    """Draw the legend: below all panels of a new figure, or in the first of the given axes."""
    found = {
        label: line
        for ax in axes
        for line, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    if own:
        axes[0].figure.legend(
            found.values(), found, loc="outside lower center", ncols=2, frameon=False
        )
    else:
        axes[0].legend(found.values(), found, fontsize="small", frameon=False)


def _metric_text(metric: str) -> str:
    """A metric as words, such as "image AUROC"."""
    words = str(metric).split("_")
    return shown_name(" ".join(word.upper() if word in _ACRONYMS else word for word in words))


def _text(value: Any) -> str:
    """A name as words, in which a dollar sign does not begin a formula."""
    return shown_name(value).replace("_", " ")
