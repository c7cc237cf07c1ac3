"""An anomaly map over the CT or another plane, on a fixed colour scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._types import StoredArray
from ctmri_detect.localization import anomaly_map
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import ct_units_taken
from ctmri_detect.plotting.canvas import bare, check_plane, grey, new_axes
from ctmri_detect.plotting.heat import COLORMAP, VMAX, VMIN, add_colorbar, norm_of, opacity
from ctmri_detect.plotting.marks import (
    OUTLINE,
    THRESHOLD_OUTLINE,
    height_of,
    mark_height,
    mark_sides,
    outline,
    outline_legend,
)
from ctmri_detect.plotting.shown import drawn_beneath, named, names_and_roles, range_of
from ctmri_detect.validation import CT, MODALITIES


class AnomalyMapDisplay:
    """An anomaly map over the CT or another plane, with the true lesion outlined.

    The colour scale is fixed. If it ended at each map's own maximum, the noise of a normal slice
    would look like a lesion. Small values are transparent, so that the anatomy can be seen.

    Parameters
    ----------
    anomaly_map : array of shape (height, width)
        High = anomalous, in standard deviations; NaN is transparent.
    ct : array of shape (height, width), default=None
        The plane below the map, always in grey with low values dark: the CT, or the plane that
        `modality` names. None leaves the background black.
    mask : bool array of shape (height, width), default=None
        True = lesion; outlined.
    threshold : float, default=None
        A dashed outline is drawn around pixels above it. `metrics.anomaly_map_threshold` gives one
        from the maps of normal samples.
    ct_units : {"hu", "uint8"} or None, default=None
        As in `PairDisplay`.
    vmin, vmax : float, default=0.0 and 9.0
        Ends of the colour scale, the same for all maps; `MapScoring` clips at 9.
    orientation, z_mm
        As in `PairDisplay`.
    modality : str, default="CT"
        Name of the plane below, for the title.
    role : {"ct", "mri", "pet"} or None, default=None
        Role of the plane below, which decides its grey range; None takes it from the name.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    im_ : AxesImage
        The map; its `norm` is the scale.

    Raises
    ------
    ValueError
        In `plot`, where a plane is not two-dimensional, `vmin` is not below `vmax`, or `ct_units`
        or `orientation` is unknown.

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
        role: str | None = None,
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
        self.role = role

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
        """Score one sample of X with a fitted estimator.

        The map is drawn over the CT, or if there is none over the first plane that was observed.

        Parameters
        ----------
        estimator : detector, or Pipeline or search object that ends in one
            Fitted; it draws the maps.
        X : array-like of shape (n, n_planes, height, width)
            What the estimator takes; the map has its grid.
        sample : int, default=0
            Which row of X.
        mask, threshold, ct_units, vmin, vmax, orientation
            As in the class. If `ct_units` is None, it is that of the `Pairs`, or the one that the
            estimator's steps take.

        Returns
        -------
        AnomalyMapDisplay
        """
        pair = np.asarray(X[sample])
        names, roles = names_and_roles(X, len(pair))
        known = getattr(X, "ct_units", None)
        plane = anomaly_map(estimator, X[[sample]] if isinstance(X, Pairs) else pair[None])[0]
        return cls(
            plane,
            **drawn_beneath(pair, names, roles),
            mask=mask,
            threshold=threshold,
            ct_units=ct_units or known or ct_units_taken(estimator),
            vmin=vmin,
            vmax=vmax,
            orientation=orientation,
            z_mm=height_of(X, sample),
        )

    def plot(self, ax: Any = None, *, colorbar: bool = True) -> AnomalyMapDisplay:
        """Draw on the given axes, or on a new figure.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the colour bar.

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
            role = self.role or named(1, [self.modality], None)[1][0]
            shade = grey(ct, *range_of(ct, role, self.ct_units))
            self.ax_.imshow(shade, cmap="gray", vmin=0, vmax=1)
        self.im_ = self.ax_.imshow(
            plane, cmap=COLORMAP, norm=norm_of(self.vmin, self.vmax), alpha=self._alpha(plane)
        )
        self._outline(plane)
        mark_sides(self.ax_, self.orientation)
        mark_height(self.ax_, self.z_mm)
        if colorbar:
            add_colorbar(self.figure_, self.ax_, self.vmin, self.vmax)
        return self

    def _outline(self, plane: npt.NDArray[np.float64]) -> None:
        """Outline the true lesion, and what lies above the threshold."""
        lesion = self.mask is not None and bool(np.any(self.mask))
        if lesion:
            outline(self.ax_, check_plane(self.mask, "mask"), OUTLINE)
        if self.threshold is None:
            return
        above = plane > self.threshold  # not equal, as in the metrics; NaN is not above
        outline(self.ax_, above, THRESHOLD_OUTLINE, "--")
        text = f"{'above' if above.any() else 'nothing above'} {self.threshold:g}"
        lines = {text: (THRESHOLD_OUTLINE, "--")}
        outline_legend(self.ax_, {"true lesion": (OUTLINE, "-")} | lines if lesion else lines)

    def _alpha(self, plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.ct is None:
            return np.isfinite(plane).astype(float)
        return opacity(plane, self.vmin, self.vmax)
