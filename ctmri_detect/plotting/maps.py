"""An anomaly map over the CT, on a fixed colour scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._extras import require
from ctmri_detect._types import StoredArray
from ctmri_detect.localization import anomaly_map
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import ct_units_taken
from ctmri_detect.plotting.canvas import bare, check_plane, grey, new_axes, range_of
from ctmri_detect.plotting.marks import (
    OUTLINE,
    THRESHOLD_OUTLINE,
    height_of,
    mark_height,
    mark_sides,
    outline,
    outline_legend,
)
from ctmri_detect.validation import CT, MODALITIES

VMIN, VMAX = 0.0, 9.0  # SD: MapScoring clips at 9
COLORMAP = "inferno"  # perceptually uniform, in order of lightness for every kind of vision
_OPAQUE_FROM = 6.0  # SD: from here on the map hides the CT


class AnomalyMapDisplay:
    """An anomaly map over the CT, with the outlines of the true lesion and of what is marked.

    The colour scale is fixed: with a scale up to each map's own maximum, the noise of a
    normal slice would look like a lesion. Small values are transparent, so that the anatomy shows.

    Parameters
    ----------
    anomaly_map : array of shape (height, width)
        High = anomalous, in standard deviations; NaN is transparent.
    ct : array of shape (height, width), default=None
        Drawn beneath; None leaves the background black.
    mask : bool array of shape (height, width), default=None
        True = lesion; outlined.
    threshold : float, default=None
        Where the map is above it, a dashed outline is drawn; `metrics.anomaly_map_threshold` gives
        one from the maps of normal samples.
    ct_units : {"hu", "uint8"} or None, default=None
        As in `PairDisplay`.
    vmin, vmax : float, default=0.0 and 9.0
        Ends of the colour scale, the same for all maps; 9 is where `MapScoring` clips.
    orientation, z_mm
        As in `PairDisplay`.
    modality : str, default="CT"
        Name of the plane beneath, for the title. One that is no CT is shown as an MRI.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    im_ : AxesImage
        The map; its `norm` is the scale.

    Raises
    ------
    ValueError
        Where a plane is no array of two dimensions, a scale is upside down, or a parameter is
        unknown.

    Examples
    --------
    >>> display = AnomalyMapDisplay(np.zeros((32, 32))).plot()
    >>> display.im_.norm.vmin, display.im_.norm.vmax
    (0.0, 9.0)
    """

    def __init__(
        self,
        anomaly_map: Any,
        ct: Any = None,
        *,
        mask: Any = None,
        threshold: float | None = None,
        ct_units: str | None = None,
        vmin: float = VMIN,
        vmax: float = VMAX,
        orientation: str | None = None,
        z_mm: float | None = None,
        modality: str = MODALITIES[CT],
    ) -> None:
        self.anomaly_map = anomaly_map
        self.ct = ct
        self.mask = mask
        self.threshold = threshold
        self.ct_units = ct_units
        self.vmin = vmin
        self.vmax = vmax
        self.orientation = orientation
        self.z_mm = z_mm
        self.modality = modality

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: StoredArray,
        sample: int = 0,
        *,
        mask: Any = None,
        threshold: float | None = None,
        ct_units: str | None = None,
        vmin: float = VMIN,
        vmax: float = VMAX,
        orientation: str | None = None,
    ) -> AnomalyMapDisplay:
        """Score one sample of pairs ``(n, 2, height, width)`` with a fitted estimator.

        Parameters
        ----------
        estimator : detector, or Pipeline or search object that ends in one
            Fitted; it draws the maps.
        X : array-like of shape (n, 2, height, width)
            What the estimator takes; the map lies on its grid.
        sample : int, default=0
            Which row of X.
        mask, threshold, ct_units, vmin, vmax, orientation
            As in the class. Without `ct_units`: what `Pairs` know, or what the estimator's steps
            say that they take.

        Returns
        -------
        AnomalyMapDisplay
        """
        pair = np.asarray(X[sample])
        known, modality = (X.ct_units, X.modalities[CT]) if isinstance(X, Pairs) else (None, "CT")
        plane = anomaly_map(estimator, X[[sample]] if isinstance(X, Pairs) else pair[None])[0]
        return cls(
            plane,
            pair[CT],
            mask=mask,
            threshold=threshold,
            ct_units=ct_units or known or ct_units_taken(estimator),
            vmin=vmin,
            vmax=vmax,
            orientation=orientation,
            z_mm=height_of(X, sample),
            modality=modality,
        )

    def plot(self, ax: Any = None, *, colorbar: bool = True) -> AnomalyMapDisplay:
        """Draw on the caller's axes, or on a new figure.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the bar of colours.

        Returns
        -------
        self
        """
        plane = check_plane(self.anomaly_map, "anomaly_map").astype(float)
        self.ax_ = new_axes(ax, (4.6, 3.8))
        self.figure_ = self.ax_.figure
        bare(self.ax_, "Anomaly map")
        self.ax_.set_facecolor("black")
        if self.ct is not None:
            ct = check_plane(self.ct, self.modality)
            if np.isfinite(ct).any():
                bare(self.ax_, f"Anomaly map over {self.modality}")
            shade = grey(ct, *range_of(ct, self.modality, self.ct_units))
            self.ax_.imshow(shade, cmap="gray", vmin=0, vmax=1)
        self.im_ = self.ax_.imshow(
            plane, cmap=COLORMAP, norm=_norm(self.vmin, self.vmax), alpha=self._alpha(plane)
        )
        self._outline(plane)
        mark_sides(self.ax_, self.orientation)
        mark_height(self.ax_, self.z_mm)
        if colorbar:
            add_colorbar(self.figure_, self.ax_, self.vmin, self.vmax)
        return self

    def _outline(self, plane: npt.NDArray[np.float64]) -> None:
        """The true lesion, and what lies above the threshold."""
        lesion = self.mask is not None and bool(np.any(self.mask))
        if lesion:
            outline(self.ax_, check_plane(self.mask, "mask"), OUTLINE)
        if self.threshold is None:
            return
        above = plane > self.threshold  # never at it, as in the metrics; NaN is not above
        outline(self.ax_, above, THRESHOLD_OUTLINE, "--")
        text = f"{'above' if above.any() else 'nothing above'} {self.threshold:g}"
        lines = {text: (THRESHOLD_OUTLINE, "--")}
        outline_legend(self.ax_, {"true lesion": (OUTLINE, "-")} | lines if lesion else lines)

    def _alpha(self, plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.ct is None:
            return np.isfinite(plane).astype(float)
        return opacity(plane, self.vmin, self.vmax)


def opacity(
    plane: npt.NDArray[np.floating[Any]], vmin: float = VMIN, vmax: float = VMAX
) -> npt.NDArray[np.float64]:
    """How much a map hides of what lies beneath, from 0 to 1: nothing where values are small.

    Examples
    --------
    >>> opacity(np.array([0.0, 3.0, 6.0, 9.0, np.nan])).tolist()
    [0.0, 0.5, 1.0, 1.0, 0.0]
    """
    span = (vmax - vmin) * _OPAQUE_FROM / VMAX
    return np.nan_to_num(np.clip((plane - vmin) / span, 0, 1))


def add_colorbar(figure: Any, ax: Any, vmin: float = VMIN, vmax: float = VMAX) -> Any:
    """The colour scale beside the axes, opaque whatever the map's transparency."""
    cm = require("matplotlib.cm", extra="plot")
    scale = cm.ScalarMappable(norm=_norm(vmin, vmax), cmap=COLORMAP)
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
    return colormap(_norm(vmin, vmax)(values), bytes=True)[..., :3]


def _norm(vmin: float, vmax: float) -> Any:
    if not vmin < vmax:
        raise ValueError(
            f"The colour scale runs from vmin={vmin} to vmax={vmax}; expected vmin < vmax."
        )
    colors = require("matplotlib.colors", extra="plot")
    return colors.Normalize(vmin, vmax, clip=True)
