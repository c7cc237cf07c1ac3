"""The colours of anomaly maps, on one fixed scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._extras import require

VMIN, VMAX = 0.0, 9.0  # SD: MapScoring clips at 9
COLORMAP = "inferno"  # perceptually uniform; colour-blind readers see its order of lightness
_OPAQUE_FROM = 6.0  # SD: from here on the map hides the image below it


def opacity(
    plane: npt.NDArray[np.floating[Any]], vmin: float = VMIN, vmax: float = VMAX
) -> npt.NDArray[np.float64]:
    """How much a map hides of the image below it, from 0 to 1; 0 where the map is `vmin` or less.

    Examples
    --------
    >>> opacity(np.array([0.0, 3.0, 6.0, 9.0, np.nan])).tolist()
    [0.0, 0.5, 1.0, 1.0, 0.0]
    """
    span = (vmax - vmin) * _OPAQUE_FROM / VMAX
    return np.nan_to_num(np.clip((plane - vmin) / span, 0, 1))


def add_colorbar(figure: Any, ax: Any, vmin: float = VMIN, vmax: float = VMAX) -> Any:
    """Draw the colour scale beside the axes; its colours are opaque, unlike those of the map."""
    cm = require("matplotlib.cm", extra="plot")
    scale = cm.ScalarMappable(norm=norm_of(vmin, vmax), cmap=COLORMAP)
    return figure.colorbar(scale, ax=ax, label="Deviation from healthy slices (SD)")


def heat_rgb(
    plane: npt.NDArray[Any], vmin: float = VMIN, vmax: float = VMAX
) -> npt.NDArray[np.uint8]:
    """A map as colours: uint8 ``(height, width, 3)``, NaN black.

    Examples
    --------
    >>> heat_rgb(np.full((1, 1), np.nan)).ravel().tolist()
    [0, 0, 0]
    """
    colormap = require("matplotlib", extra="plot").colormaps[COLORMAP].with_extremes(bad="black")
    values = np.ma.masked_invalid(np.asarray(plane, dtype=float))
    return colormap(norm_of(vmin, vmax)(values), bytes=True)[..., :3]


def norm_of(vmin: float, vmax: float) -> Any:
    """The norm that maps `vmin` to 0 and `vmax` to 1.

    Raises
    ------
    ValueError
        Where `vmin` is not below `vmax`.
    """
    if not vmin < vmax:
        raise ValueError(
            f"The colour scale runs from vmin={vmin} to vmax={vmax}; expected vmin < vmax."
        )
    colors = require("matplotlib.colors", extra="plot")
    return colors.Normalize(vmin, vmax, clip=True)
