"""CT and MRI of one sample, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._types import StoredArray
from ctmri_detect.pairs import Pairs
from ctmri_detect.plotting.canvas import (
    bare,
    check_axes,
    check_plane,
    grey,
    is_ct,
    new_axes,
    range_of,
    shown_units,
)
from ctmri_detect.plotting.marks import height_of, mark_height, mark_sides
from ctmri_detect.validation import CT, MODALITIES, MRI


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
    orientation : {"radiological", "neurological"} or None, default=None
        Where the letters L and R are written. "radiological": the patient's right is on the left of
        the picture, as in `load_volume_pairs`, `make_phantom_pairs` and `make_phantom_volumes`.
        "neurological": the patient's left is there. None writes no letters: an array doesn't tell
        its orientation, and neither does an image file.
    z_mm : float, default=None
        Height of the slice in mm, written in a corner of the CT.
    modalities : sequence of two str, default=("CT", "MRI")
        Titles of the two planes. A first plane that is no CT is shown as an MRI.

    Attributes
    ----------
    ax_ : array of two Axes
    figure_ : Figure

    Raises
    ------
    ValueError
        Where a plane is no array of two dimensions, or a parameter is unknown.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0, 80, size=(3, 2, 32, 32))
    >>> display = PairDisplay.from_pairs(X, 1).plot()
    >>> [ax.get_title() for ax in display.ax_]
    ['CT, 0 to 80 HU', 'MRI']
    """

    def __init__(
        self,
        ct: Any,
        mri: Any,
        *,
        ct_units: str | None = None,
        orientation: str | None = None,
        z_mm: float | None = None,
        modalities: Sequence[str] = MODALITIES,
    ) -> None:
        self.ct = ct
        self.mri = mri
        self.ct_units = ct_units
        self.orientation = orientation
        self.z_mm = z_mm
        self.modalities = modalities

    @classmethod
    def from_pairs(
        cls,
        X: StoredArray,
        sample: int = 0,
        *,
        ct_units: str | None = None,
        orientation: str | None = None,
    ) -> PairDisplay:
        """The display of one of the pairs ``(n, 2, height, width)``.

        `Pairs` know their units, their names and, where their frame has `z_mm`, the height of each
        slice.

        Raises
        ------
        ValueError
            Where X doesn't have two planes.
        """
        if len(X.shape) != 4 or X.shape[1] != 2:
            raise ValueError(
                f"X has shape {tuple(X.shape)}; expected (n_samples, 2, height, width). Of other "
                "planes, take two: PairDisplay(X[i, 0], X[i, 2], modalities=('CT', 'FLAIR'))."
            )
        if ct_units is None and isinstance(X, Pairs):
            ct_units = X.ct_units
        pair = X[sample]
        return cls(
            pair[CT],
            pair[MRI],
            ct_units=ct_units,
            orientation=orientation,
            z_mm=height_of(X, sample),
            modalities=X.modalities if isinstance(X, Pairs) else MODALITIES,
        )

    def plot(self, ax: Any = None) -> PairDisplay:
        """Draw, on two axes of the caller's or on a new figure.

        Parameters
        ----------
        ax : sequence of two Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self
        """
        ct, mri = check_plane(self.ct, "ct"), check_plane(self.mri, "mri")
        first, second = self.modalities
        self.ax_ = check_axes(new_axes(ax, (5.6, 3.1), columns=2), (2,))
        self.figure_ = self.ax_[0].figure
        windowed = is_ct(first) and shown_units(ct, self.ct_units) == "hu"
        title = f"{first}, 0 to 80 HU" if windowed else first
        draw_plane(self.ax_[0], ct, range_of(ct, first, self.ct_units), title)
        draw_plane(self.ax_[1], mri, range_of(mri, second, None), second)
        for each in self.ax_:
            mark_sides(each, self.orientation)
        mark_height(self.ax_[0], self.z_mm)
        return self


def draw_plane(ax: Any, plane: npt.NDArray[Any], bounds: tuple[float, float], title: str) -> None:
    """One plane in grey; says so where nothing was observed."""
    bare(ax, title)
    ax.imshow(grey(plane, *bounds), cmap="gray", vmin=0, vmax=1)
    if not np.isfinite(plane).any():
        ax.text(0.5, 0.5, "not observed", color="white", ha="center", transform=ax.transAxes)
