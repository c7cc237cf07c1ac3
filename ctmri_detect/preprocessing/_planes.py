"""The parameter `planes` of filters, and the base class of filters that work plane by plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctmri_detect._parameters import OneOf
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.modalities import ROLES, Roles, planes_with

Plane = NDArray[np.float32]
Observed = NDArray[np.bool_]

IS_PLANES = OneOf("all", *ROLES, "both")
"""What the parameter `planes` of a filter may be; "both" is another word for "all"."""


def named_planes(planes: str, roles: Roles) -> tuple[int, ...]:
    """The numbers of the planes that the parameter `planes` means.

    Examples
    --------
    >>> named_planes("mri", ("ct", "mri", "mri")), named_planes("all", ("ct", "mri", "mri"))
    ((1, 2), (0, 1, 2))
    """
    return tuple(range(len(roles))) if changes_all(planes) else planes_with(roles, planes)


def changes_all(planes: str) -> bool:
    """Whether the parameter `planes` means all planes."""
    return planes in ("all", "both")


def units_after(planes: str, ct_units: str | None) -> str | None:
    """The units of the CT after a filter: None if it changes the CT."""
    return None if planes == "ct" or changes_all(planes) else ct_units


class PlaneFilter(BasePairedTransformer):
    """Base class of steps that change each of the planes that `planes` means, one by one."""

    traits = Traits(threadsafe=True, missing_modality=True)
    planes: str

    def _change(self, plane: Plane, observed: Observed) -> Plane:
        raise NotImplementedError(f"{type(self).__name__} has to write _change(plane, observed).")

    def _transform_planes(self, X: NDArray[np.float32], roles: Roles) -> NDArray[np.float32]:
        out = X.astype(np.float32)
        for modality in named_planes(self.planes, roles):
            for plane in out[:, modality]:
                filter_observed(plane, self._change)
        return out


def filter_observed(plane: Plane, change: Callable[[Plane, Observed], Plane]) -> None:
    """Change the observed pixels of one plane, in place; a missing plane stays as it is.

    `change` gets the bounding box of the observed pixels, and which pixels in it were observed.
    What was not observed has no influence, neither its values nor its extent.
    """
    observed = np.isfinite(plane)
    if not observed.any():
        return
    box = ndimage.find_objects(observed.astype(np.int8))[0]
    inside = observed[box]
    part = plane[box]
    part[inside] = change(part.copy(), inside)[inside]


def fill_alike(plane: Plane, observed: Observed) -> Plane:
    """The plane with its gaps filled, so that they have the histogram of the observed pixels.

    Neighbouring pixels of a gap take quantiles far from each other (multiples of the golden
    ratio), so that any part of a gap has about the histogram of the whole.
    """
    if observed.all():
        return plane
    ranks = (np.arange(1, (~observed).sum() + 1) * 0.6180339887498949) % 1.0
    out = plane.copy()
    out[~observed] = np.quantile(plane[observed], ranks)
    return out
