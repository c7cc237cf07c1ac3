"""All planes of one sample, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ctmri_detect._types import StoredArray
from ctmri_detect.plotting.canvas import check_axes, check_plane, row_of_axes
from ctmri_detect.plotting.marks import height_of, mark_height, mark_sides
from ctmri_detect.plotting.shown import (
    GivenRoles,
    draw_plane,
    named,
    names_and_roles,
    range_of,
    title_of,
)


class PairDisplay:
    """CT and MRI of one sample, or as many planes as it has, side by side.

    A CT is windowed by its units. An MRI has no units, and is shown from its 1st to its 99.5th
    percentile. PET is shown from 0 to its 99.5th percentile, in inverted grey as usual in nuclear
    medicine: high uptake is dark. Planes without a known role are shown like an MRI.

    Parameters
    ----------
    *planes : arrays of shape (height, width)
        One or more. NaN is drawn black (in PET: white); a plane of NaN is labelled as missing.
    ct_units : {"hu", "uint8"} or None, default=None
        "hu" is shown in the brain window, 0 to 80 HU; "uint8" from 0 to 255. If None, the values
        decide: one of these, or values from 0 to 1 (after preprocessing), shown from 0 to 1. If
        they look like none of them, from the 1st to the 99.5th percentile.
    orientation : {"radiological", "neurological"} or None, default=None
        Where the letters L and R are written. "radiological": the patient's right is on the left of
        the image, as in `load_volume_pairs`, `make_phantom_pairs` and `make_phantom_volumes`.
        "neurological": the patient's left is there. None writes no letters, because neither an
        array nor an image file has its orientation.
    z_mm : float, default=None
        Height of the slice in mm, written in a corner of the first plane.
    modalities : sequence of str, default=None
        Names of the planes, used as titles. Without names, two planes are CT and MRI; others are
        "plane 0" and so on.
    roles : dict of str to {"ct", "mri", "pet"}, or tuple, default=None
        For names that do not give the role, as in `Pairs`: ``{"FDG": "pet"}``.

    Attributes
    ----------
    planes : tuple of arrays
    ax_ : array of Axes, one per plane
    figure_ : Figure

    Raises
    ------
    ValueError
        In `plot`, where there is no plane, one is not two-dimensional, or a parameter is unknown.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0, 80, size=(3, 2, 32, 32))
    >>> display = PairDisplay.from_pairs(X, 1).plot()
    >>> [ax.get_title() for ax in display.ax_]
    ['CT, 0 to 80 HU', 'MRI']

    Other planes:

    >>> display = PairDisplay(*X[:, 0], modalities=("T1", "FLAIR", "PET")).plot()
    >>> [ax.get_title() for ax in display.ax_]
    ['T1', 'FLAIR', 'PET']
    """

    def __init__(
        self,
        *planes: Any,
        ct_units: str | None = None,
        orientation: str | None = None,
        z_mm: float | None = None,
        modalities: Sequence[str] | None = None,
        roles: GivenRoles = None,
    ) -> None:
        self.planes = planes
        self.ct_units = ct_units
        self.orientation = orientation
        self.z_mm = z_mm
        self.modalities = modalities
        self.roles = roles

    @classmethod
    def from_pairs(
        cls,
        X: StoredArray,
        sample: int = 0,
        *,
        ct_units: str | None = None,
        orientation: str | None = None,
    ) -> PairDisplay:
        """The display of one of the samples ``(n, n_planes, height, width)``.

        Units, names and roles come from `Pairs`, and also the height of the slice, if their frame
        has `z_mm`.

        Raises
        ------
        ValueError
            Where X doesn't have four axes.
        """
        if len(X.shape) != 4:
            raise ValueError(
                f"X has shape {tuple(X.shape)}; expected (n_samples, n_planes, height, width)."
            )
        names, roles = names_and_roles(X, X.shape[1])
        return cls(
            *np.asarray(X[sample]),
            ct_units=getattr(X, "ct_units", None) if ct_units is None else ct_units,
            orientation=orientation,
            z_mm=height_of(X, sample),
            modalities=names,
            roles=roles,
        )

    def plot(self, ax: Any = None) -> PairDisplay:
        """Draw on the given axes, or on a new figure.

        Parameters
        ----------
        ax : sequence of Axes, default=None
            Where to draw, one per plane; None makes a new figure, with at most four in a row.

        Returns
        -------
        self
        """
        n = len(self.planes)
        if not n:
            raise ValueError("There is no plane; expected one or more: PairDisplay(*X[0]).")
        names, roles = named(n, self.modalities, self.roles)
        planes = [check_plane(p, name) for p, name in zip(self.planes, names, strict=True)]
        self.ax_ = check_axes(row_of_axes(n, 2.8, 3.1) if ax is None else ax, (n,))
        self.figure_ = self.ax_[0].figure
        for each, plane, name, role in zip(self.ax_, planes, names, roles, strict=True):
            title = title_of(plane, name, role, self.ct_units)
            draw_plane(each, plane, range_of(plane, role, self.ct_units), title, role)
            mark_sides(each, self.orientation)
        mark_height(self.ax_[0], self.z_mm)
        return self
