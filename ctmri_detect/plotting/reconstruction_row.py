"""One row of a reconstruction: image, reconstruction and residual of a plane, with their scales."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect._extras import require
from ctmri_detect.plotting.canvas import bare, shown_units
from ctmri_detect.plotting.shown import COLOURS, draw_plane, range_of

Planes = npt.NDArray[Any]
_RESIDUAL_MAP = "RdBu_r"  # colour-blind readers can tell its ends apart; white is 0
_NOT_OBSERVED = "0.3"
_PERCENTILE = 99.5


class Scales(NamedTuple):
    """The grey range of a plane, its unit, the end of its residual's scale, and its role."""

    low: float
    high: float
    unit: str
    limit: float
    role: str | None


def scales_of(
    images: Planes,
    residuals: Planes,
    role: str | None,
    ct_units: str | None,
    limit: float | None,
) -> Scales:
    """The scales of one plane ``(n, height, width)``, common to all samples."""
    seen = [image for image in images if np.isfinite(image).any()]
    low, high = zip(*[range_of(p, role, ct_units) for p in seen] or [(0.0, 1.0)], strict=True)
    units = shown_units(seen[0], ct_units) if seen and role == "ct" else None
    end = _end_of(residuals) if limit is None else float(limit)
    if not end > 0:
        raise ValueError(f"limit is {limit!r}; expected a number above 0, or None.")
    return Scales(min(low), max(high), "HU" if units == "hu" else "", end, role)


def _end_of(residuals: Planes) -> float:
    seen = np.abs(residuals[np.isfinite(residuals)])
    end = float(np.percentile(seen, _PERCENTILE)) if seen.size else 0.0
    return end or float(seen.max(initial=0.0)) or 1.0


def draw_row(row: Any, planes: list[Planes], scales: Scales) -> None:
    """Draw image and reconstruction in the colours of their role, the residual, and scales."""
    matplotlib = require("matplotlib", extra="plot")
    colors = require("matplotlib.colors", extra="plot")
    cm = require("matplotlib.cm", extra="plot")
    for ax, plane in zip(row[:2], planes[:2], strict=True):
        draw_plane(ax, plane, (scales.low, scales.high), "", scales.role)
    bare(row[2], "")
    diverging = matplotlib.colormaps[_RESIDUAL_MAP].with_extremes(bad=_NOT_OBSERVED)
    image = row[2].imshow(planes[2], cmap=diverging, vmin=-scales.limit, vmax=scales.limit)
    figure = row[2].figure
    norm, shades = colors.Normalize(scales.low, scales.high), COLOURS.get(scales.role or "", "gray")
    grey = cm.ScalarMappable(norm=norm, cmap=shades)
    bars = (
        figure.colorbar(grey, ax=row[:2].tolist(), aspect=12),
        figure.colorbar(image, ax=row[2], extend="both", aspect=12),
    )
    bars[0].ax.set_title(scales.unit, fontsize="small")
    for bar in bars:
        bar.ax.tick_params(labelsize="small")
        bar.outline.set_visible(False)
