"""FROC curves: share of lesions found against false positives per slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ctmri_detect._types import GroupsLike, PairsLike, PlanesLike
from ctmri_detect.localization import anomaly_map
from ctmri_detect.metrics import anomaly_map_froc_curve, anomaly_map_lesion_sensitivity_score
from ctmri_detect.plotting.canvas import new_axes
from ctmri_detect.plotting.curves import (
    Curve,
    draw_curves,
    finish,
    named_estimators,
    refuse_nothing,
)

_TICKS = {0.0: "0", 0.125: "1/8", 0.25: "1/4", 0.5: "1/2", 1.0: "1", 2.0: "2", 4.0: "4", 8.0: "8"}


class FrocDisplay:
    """FROC curves of one or several detectors: the share of lesions found against false positives.

    The curves are those of `metrics.anomaly_map_froc_curve`; its page says what counts as found.
    The number in the legend is the mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false
    positives (`metrics.anomaly_map_lesion_sensitivity_score`). The x-axis is linear up to 1/8 and
    logarithmic above.

    Parameters
    ----------
    curves : dict of str to (false_positives, sensitivity)
        Arrays of equal length. False positives increase from 0; the sensitivity stays the same up
        to the next point.
    sensitivities : dict of str to float
        Mean sensitivity of each; the legend is sorted by it.
    unit : str, default="slice"
        What false positives are counted per, for the axis label: "slice" or "scan".

    Attributes
    ----------
    curves, sensitivities, unit
        As above.
    ax_ : Axes
    figure_ : Figure

    References
    ----------
    As in `metrics.anomaly_map_froc_curve`.

    Examples
    --------
    >>> masks = [[[0, 1, 0, 0, 0, 0, 1]]]
    >>> maps = {"a": [[[0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 1.0]]]}
    >>> display = FrocDisplay.from_predictions(masks, maps, min_distance=1).plot()
    >>> [part.tolist() for part in display.curves["a"]]
    [[0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0]]
    >>> display.ax_.get_xlabel()
    'False positives per slice'
    """

    def __init__(
        self, curves: dict[str, Curve], sensitivities: dict[str, float], *, unit: str = "slice"
    ) -> None:
        self.curves = curves
        self.sensitivities = sensitivities
        self.unit = unit

    @classmethod
    def from_predictions(
        cls,
        masks: PlanesLike,
        maps: Mapping[str, PlanesLike] | PlanesLike,
        *,
        groups: GroupsLike = None,
        min_distance: int = 5,
    ) -> FrocDisplay:
        """From true lesions and anomaly maps.

        Parameters
        ----------
        masks : bool array (n, height, width), or list of planes
            True = lesion.
        maps : dict of str to float array (n, height, width), or one such array
            High = anomalous; NaN = not observed.
        groups : array-like of shape (n,), default=None
            The scan of each slice, to count false positives per scan. None counts them per slice.
        min_distance : int, default=5
            As in `metrics.anomaly_map_froc_curve`.

        Raises
        ------
        InvalidPairsError
            For unequal shapes, infinity, masks without a lesion pixel, or groups that don't fit.
        ValueError
            Where there is no detector, or for `min_distance` out of range.
        """
        named = maps if isinstance(maps, Mapping) else {"detector": maps}
        refuse_nothing(named)
        curves, sensitivities = {}, {}
        for name, each in named.items():
            found = anomaly_map_froc_curve(masks, each, groups, min_distance=min_distance)
            curves[str(name)] = found[:2]
            sensitivities[str(name)] = float(
                anomaly_map_lesion_sensitivity_score(masks, each, groups, min_distance=min_distance)
            )
        return cls(curves, sensitivities, unit="slice" if groups is None else "scan")

    @classmethod
    def from_estimator(
        cls,
        estimator: Mapping[str, BaseEstimator] | BaseEstimator,
        X: PairsLike,
        masks: PlanesLike,
        *,
        groups: GroupsLike = None,
        min_distance: int = 5,
    ) -> FrocDisplay:
        """Make the maps of `X` with a fitted detector, Pipeline or search, or a dict of several.

        The other parameters and the errors are those of `from_predictions`. `Pairs` may know
        patients, but these are not used as scans: give `groups`.
        """
        maps = {name: anomaly_map(each, X) for name, each in named_estimators(estimator).items()}
        return cls.from_predictions(masks, maps, groups=groups, min_distance=min_distance)

    def plot(self, ax: Any = None) -> FrocDisplay:
        """Draw on the given axes, or on a new figure; returns self."""
        self.ax_ = new_axes(ax, (5.0, 4.2))
        self.figure_ = self.ax_.figure
        most = max([1.0, *(float(np.max(reached)) for reached, _ in self.curves.values())])
        end = min(most, max(_TICKS))
        drawn = {name: _up_to(curve, most) for name, curve in self.curves.items()}
        draw_curves(self.ax_, drawn, self.sensitivities, {}, drawstyle="steps-post")
        self.ax_.set_xscale("symlog", base=2, linthresh=min(t for t in _TICKS if t), linscale=0.5)
        shown = {place: text for place, text in _TICKS.items() if place <= end}
        self.ax_.set_xticks(list(shown), list(shown.values()), minor=False)
        self.ax_.minorticks_off()
        self.ax_.set_xlim(0, end * 1.02)
        self.ax_.set_ylim(-0.01, 1.01)
        self.ax_.set_xlabel(f"False positives per {self.unit}")
        self.ax_.set_ylabel("Share of lesions found")
        finish(self.ax_, "Detector (mean sensitivity)", "best")
        return self


def _up_to(curve: Curve, most: float) -> Curve:
    """The curve with a last point at `most`: without further candidates it stays flat."""
    reached, sensitivity = curve
    return np.append(reached, most), np.append(sensitivity, sensitivity[-1])
