"""Figures without pyplot, the style of all plots, and planes in grey."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._extras import require
from ctmri_detect.imageops.ct_values import AIR, ct_units_of
from ctmri_detect.preprocessing.intensity import CT_WINDOWS

_SHOWN = ("brain", "subdural", "bone")
RANGES = {
    name: (level - width / 2, level + width / 2)
    for name, (level, width) in CT_WINDOWS.items()
    if name in _SHOWN
} | {"wide": (-1000.0, 1000.0)}  # air to dense bone
"""The HU that are black and white: windows of `CTWindow`, and a wide one."""
RANGE_OF_UNITS = {"hu": RANGES["brain"], "uint8": (0.0, 255.0)}
_PREPARED = "prepared"  # windowed before, by `CTWindow`
_RANGES = RANGE_OF_UNITS | {_PREPARED: (0.0, 1.0)}

# Okabe and Ito (2008), "Color universal design": colours that colour-blind readers can tell apart.
# The yellow is left out (too pale on white).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
LINES = ("-", "--", ":", "-.")
NORMAL_COLOR, ANOMALOUS_COLOR = PALETTE[0], PALETTE[1]

_MOST_COLUMNS = 4
_INK = {"light": ("#1b1f24", "#ffffff"), "dark": ("#e2e6ea", "#15191e")}


def new_axes(ax: Any, figsize: tuple[float, float], columns: int = 1, rows: int = 1) -> Any:
    """The user's axes, or those of a new figure outside pyplot."""
    if ax is not None:
        return ax
    figure = require("matplotlib.figure", extra="plot").Figure(
        figsize=figsize, layout="constrained"
    )
    return figure.subplots(rows, columns)


def row_of_axes(n: int, width: float, height: float) -> npt.NDArray[Any]:
    """Axes of a new figure, each of this size in inches; at most four in a row."""
    rows = -(-n // _MOST_COLUMNS)
    columns = -(-n // rows)
    axes = np.ravel(new_axes(None, (width * columns, height * rows), columns, rows))
    for ax in axes[n:]:
        ax.remove()
    return axes[:n]


def check_axes(axes: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Axes in an array of this shape, or an error that says what came."""
    axes = np.asarray(axes, dtype=object)
    if axes.shape != shape:
        found = f"an array of shape {axes.shape}" if axes.ndim else "one Axes"
        raise ValueError(
            f"ax is {found}; expected Axes in an array of shape {shape}, such as "
            f"figure.subplots{shape if len(shape) > 1 else (1, *shape)} makes them."
        )
    return axes


def style(theme: str = "light") -> AbstractContextManager[None]:
    """A context in which new figures have the colours of the theme ("light" or "dark")."""
    ink, paper = _INK[theme]
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    grounds = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    rc = dict.fromkeys(names, ink) | dict.fromkeys(grounds, paper)
    context: AbstractContextManager[None] = require("matplotlib", extra="plot").rc_context(rc)
    return context


def line_style(index: int) -> dict[str, str]:
    """Colour and line style of the curve with this number; the first 24 are all different."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": LINES[(index // len(PALETTE) + index) % len(LINES)],
    }


def shown_units(plane: npt.NDArray[Any], units: str | None) -> str | None:
    """The units; if they are None, the units that the values look like, or None if unclear.

    Examples
    --------
    >>> shown_units(np.array([[0.0, 0.3], [0.4, 1.0]]), None)
    'prepared'
    """
    if units is not None:
        if units not in RANGE_OF_UNITS:
            raise ValueError(
                f"ct_units is {units!r}; expected 'hu' (shown in the brain window 0 to 80 HU), "
                "'uint8' (0 to 255) or None (from the values)."
            )
        return units
    seen = plane[np.isfinite(plane)]
    if not seen.size:
        return None
    if seen.min() >= 0 and seen.max() <= 1:
        return _PREPARED
    found, _ = ct_units_of(plane, eight_bit=plane.dtype == np.uint8)
    # near the vertex the middle is bone, which fits several units; air does not
    return "hu" if found is None and seen.min() < AIR else found


def ct_range(plane: npt.NDArray[Any], units: str | None) -> tuple[float, float]:
    """The values that are black and white: the brain window in HU, 0 to 255, or 0 to 1.

    If `units` is None, the values decide. If they look like no known unit, it is percentiles.

    Examples
    --------
    >>> ct_range(np.zeros((4, 4)), "hu")
    (0.0, 80.0)
    """
    shown = shown_units(plane, units)
    return robust_range(plane) if shown is None else _RANGES[shown]


def robust_range(plane: npt.NDArray[Any]) -> tuple[float, float]:
    """1st and 99.5th percentile of what was observed."""
    seen = plane[np.isfinite(plane)]
    if not seen.size:
        return 0.0, 1.0
    low, high = np.percentile(seen, [1, 99.5])
    return float(low), float(high if high > low else low + 1)


def grey(plane: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.float64]:
    """The plane from 0 (black) to 1 (white); 0 where nothing was observed."""
    return np.nan_to_num(np.clip((np.asarray(plane, dtype=float) - low) / (high - low), 0, 1))


def bare(ax: Any, title: str) -> None:
    """Make axes for an image: a title, no ticks, no frame."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(title, fontsize="medium", parse_math=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def check_plane(plane: Any, name: str) -> npt.NDArray[Any]:
    """A two-dimensional array, or an error that names it."""
    plane = np.asarray(plane)
    if plane.ndim != 2:
        raise ValueError(
            f"{name} has shape {plane.shape}; expected (height, width), one plane of one sample: "
            "X[i][0] is the first plane of sample i."
        )
    return plane
