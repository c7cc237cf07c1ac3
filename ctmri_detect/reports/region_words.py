"""Regions of a map in words: plane, direction, side, size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.plotting.marks import side_letters

_MIDDLE = 0.04  # of the width of the brain: nearer to the midline, no side is named
_SIDES = {"L": "patient's left", "R": "patient's right"}


def middle_column(plane: npt.NDArray[Any]) -> float:
    """The middle column of what was observed in a map; of the image where nothing was.

    Examples
    --------
    >>> middle_column(np.array([[np.nan, 1.0, 1.0, 1.0]]))
    2.0
    """
    columns = np.flatnonzero(np.isfinite(plane).any(axis=0))
    return float(columns[[0, -1]].mean()) if len(columns) else (plane.shape[1] - 1) / 2


def side_of(x: float, plane: npt.NDArray[Any], orientation: str | None) -> str:
    """The patient's side on which a column lies; "" where it is not known.

    The midline is taken as the middle of what was observed.

    Examples
    --------
    >>> brain = np.ones((4, 9))
    >>> side_of(7.0, brain, "radiological"), side_of(4.1, brain, "radiological")
    ("patient's left", 'midline')
    """
    letters = side_letters(orientation)
    if not letters:
        return ""
    off = x - middle_column(plane)
    width = max(int(np.isfinite(plane).any(axis=0).sum()), 1)
    return "midline" if abs(off) < _MIDDLE * width else _SIDES[letters[int(off > 0)]]


def region_words(region: dict[str, Any], side: str) -> str:
    """One row of a region table as a phrase.

    Examples
    --------
    >>> row = {"modality": "CT", "sign": "brighter", "area_mm2": 118.2, "peak": 7.21}
    >>> region_words(row, "patient's left")
    "CT brighter than expected, patient's left, 118 mm² (7.2 SD)"
    """
    area = region.get("area_mm2")
    size = f"{region['area_px']:.0f} pixels" if area is None else f"{area:.0f} mm²"
    place = f", {side}" if side else ""
    peak = abs(float(region["peak"]))
    return f"{region['modality']} {region['sign']} than expected{place}, {size} ({peak:.1f} SD)"
