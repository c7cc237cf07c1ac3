"""CT and MRI of one sample, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._types import StoredArray
from ctmri_detect.pairs import Pairs
from ctmri_detect.plotting.canvas import (
    bare,
    check_plane,
    ct_range,
    grey,
    new_axes,
    robust_range,
    shown_units,
)
from ctmri_detect.validation import CT, MRI


class PairDisplay:
    """CT and MRI of one sample, side by side.

    The CT is windowed by its units; the MRI, which has none, from its 1st to its 99.5th
    percentile.

    Parameters
    ----------
    ct, mri : array of shape (height, width)
        NaN is drawn black; a plane of NaN is labelled as missing.
    ct_units : {"hu", "uint8"} or None, default=None
        "hu" is shown in the brain window, 0 to 80 HU; "uint8" from 0 to 255. None: what the
        values look like, one of these, or prepared pairs, shown from 0 to 1; where they look like
        none of them, from percentiles.

    Attributes
    ----------
    ax_ : array of two Axes
    figure_ : Figure

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0, 80, size=(3, 2, 32, 32))
    >>> display = PairDisplay.from_pairs(X, 1).plot()
    >>> [ax.get_title() for ax in display.ax_]
    ['CT, 0 to 80 HU', 'MRI']
    """

    def __init__(self, ct: Any, mri: Any, *, ct_units: str | None = None) -> None:
        self.ct = ct
        self.mri = mri
        self.ct_units = ct_units

    @classmethod
    def from_pairs(
        cls, X: StoredArray, sample: int = 0, *, ct_units: str | None = None
    ) -> PairDisplay:
        """The display of one of the pairs ``(n, 2, height, width)``; `Pairs` know their units."""
        if ct_units is None and isinstance(X, Pairs):
            ct_units = X.ct_units
        pair = X[sample]
        return cls(pair[CT], pair[MRI], ct_units=ct_units)

    def plot(self, ax: Any = None) -> PairDisplay:
        """Draw, on two axes of the caller's or on a new figure.

        Parameters
        ----------
        ax : sequence of two Axes, default=None

        Returns
        -------
        self
        """
        self.ax_ = new_axes(ax, (7.0, 3.8), columns=2)
        self.figure_ = self.ax_[0].figure
        ct, mri = check_plane(self.ct, "ct"), check_plane(self.mri, "mri")
        units = shown_units(ct, self.ct_units)
        draw_plane(self.ax_[0], ct, ct_range(ct, self.ct_units), ct_title(units))
        draw_plane(self.ax_[1], mri, robust_range(mri), "MRI")
        return self


def ct_title(units: str | None) -> str:
    """The CT's title, which says how it is windowed."""
    return "CT, 0 to 80 HU" if units == "hu" else "CT"


def draw_plane(ax: Any, plane: npt.NDArray[Any], bounds: tuple[float, float], title: str) -> None:
    """One plane in grey; says so where nothing was observed."""
    bare(ax, title)
    ax.imshow(grey(plane, *bounds), cmap="gray", vmin=0, vmax=1)
    if not np.isfinite(plane).any():
        ax.text(0.5, 0.5, "not observed", color="white", ha="center", transform=ax.transAxes)
