"""Marks in an image: the patient's sides, the height of the slice, outlines."""

from __future__ import annotations

from typing import Any

import numpy as np

from ctmri_detect._extras import require
from ctmri_detect._types import StoredArray
from ctmri_detect.pairs import Pairs

ORIENTATIONS = ("radiological", "neurological")
OUTLINE = "#00E5FF"  # of the true lesion: no colour of inferno is like it
THRESHOLD_OUTLINE = "#FFFFFF"
_GREY_GROUND = (0.12, 0.12, 0.12, 0.75)


def side_letters(orientation: str | None) -> str:
    """The letters for the left and the right of an axial image; "" where they are not known.

    Raises
    ------
    ValueError
        For an unknown orientation.

    Examples
    --------
    >>> side_letters("radiological"), side_letters("neurological"), side_letters(None)
    ('RL', 'LR', '')
    """
    if orientation is None:
        return ""
    if orientation not in ORIENTATIONS:
        raise ValueError(
            f"orientation is {orientation!r}; expected 'radiological' (the patient's right on the "
            "left of the picture), 'neurological' (the patient's left on the left), or None (no "
            "letters). Give None if you don't know it."
        )
    return "RL" if orientation == "radiological" else "LR"


def mark_sides(ax: Any, orientation: str | None) -> None:
    """Write L and R at the edges of an axial image; None writes nothing."""
    for place, letter in zip(("left", "right"), side_letters(orientation), strict=False):
        x = 0.02 if place == "left" else 0.98
        _write(ax, x, 0.5, letter, ha=place, va="center", fontsize="medium", fontweight="bold")


def mark_height(ax: Any, z_mm: float | None) -> None:
    """Write the height of the slice in a corner, such as "z = 57.5 mm"; None writes nothing."""
    if z_mm is not None:
        _write(ax, 0.02, 0.02, height_text(z_mm), ha="left", va="bottom", fontsize="small")


def height_text(z_mm: float) -> str:
    """The height of a slice as text.

    Examples
    --------
    >>> height_text(57.5), height_text(-8.0)
    ('z = 57.5 mm', 'z = -8 mm')
    """
    return f"z = {round(z_mm, 1):g} mm"


def height_of(X: StoredArray, sample: int) -> float | None:
    """The height of one sample in mm, where X are `Pairs` that know it."""
    if not isinstance(X, Pairs) or X.frame is None or "z_mm" not in X.frame:
        return None
    height = float(X.frame["z_mm"].iloc[sample])
    return height if np.isfinite(height) else None


def outline(ax: Any, region: Any, color: str, dash: str = "-") -> None:
    """Draw the outline of a bool region; an empty one has none."""
    region = np.asarray(region, dtype=float)
    if region.any():
        ax.contour(region, levels=[0.5], colors=[color], linewidths=1.2, linestyles=[dash])


def outline_legend(ax: Any, outlines: dict[str, tuple[str, str]]) -> None:
    """Draw a legend for outlines, given as text to colour and line style."""
    lines = require("matplotlib.lines", extra="plot")
    handles = [
        lines.Line2D([], [], color=color, linestyle=dash, linewidth=1.2, label=text)
        for text, (color, dash) in outlines.items()
    ]
    legend = ax.legend(
        handles=handles, loc="lower right", fontsize="small", labelcolor="white", framealpha=0.75
    )
    legend.get_frame().set(facecolor=_GREY_GROUND, edgecolor="none")


def _write(ax: Any, x: float, y: float, text: str, **look: Any) -> None:
    """White letters with a dark border, so that they can be read on any background."""
    rim = require("matplotlib.patheffects", extra="plot").withStroke(
        linewidth=2, foreground="black"
    )
    ax.text(x, y, text, color="white", transform=ax.transAxes, path_effects=[rim], **look)
