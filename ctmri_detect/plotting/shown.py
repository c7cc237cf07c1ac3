"""How a plane is shown: its range, its colours and its title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._particulars import checked_modalities
from ctmri_detect.modalities import Roles, roles_of
from ctmri_detect.plotting.canvas import bare, ct_range, grey, robust_range, shown_units

COLOURS = {"pet": "gray_r"}
"""Colour maps by role; others are shown in grey. Uptake is dark, as in nuclear medicine."""
_NEGATIVE = 0.05  # of the highest value: noise of PET goes below 0, but not further than this

GivenRoles = Mapping[str, str] | Roles | None


def named(
    n_planes: int, modalities: Sequence[str] | None, roles: GivenRoles
) -> tuple[tuple[str, ...], Roles]:
    """Names and roles of planes, as given or by default.

    Examples
    --------
    >>> named(3, ("CT", "T1", "FDG"), {"FDG": "pet"})
    (('CT', 'T1', 'FDG'), ('ct', 'mri', 'pet'))
    """
    names = checked_modalities(modalities, n_planes)
    return names, roles_of(names, roles)


def names_and_roles(X: Any, n_planes: int) -> tuple[tuple[str, ...], Roles]:
    """Names and roles of the planes of X, from X itself (as in `Pairs`) or by default.

    Examples
    --------
    >>> names_and_roles(np.zeros((1, 3, 8, 8)), 3)
    (('plane 0', 'plane 1', 'plane 2'), (None, None, None))
    """
    return named(n_planes, getattr(X, "modalities", None), getattr(X, "roles", None))


def range_of(
    plane: npt.NDArray[Any], role: str | None, ct_units: str | None = None
) -> tuple[float, float]:
    """The values that are shown black and white.

    A CT is shown by its units, PET from 0 to the 99.5th percentile, and anything else from the 1st
    to the 99.5th percentile, also PET with negative values (standardised before).

    Examples
    --------
    >>> range_of(np.arange(201.0), "pet"), range_of(np.arange(201.0), "mri")
    ((0.0, 199.0), (2.0, 199.0))
    """
    if role == "ct":
        return ct_range(plane, ct_units)
    low, high = robust_range(plane)
    if role == "pet" and low > -_NEGATIVE * high:
        return 0.0, high
    return low, high


def title_of(plane: npt.NDArray[Any], name: str, role: str | None, ct_units: str | None) -> str:
    """The name of a plane; for a CT in HU, also its window.

    Examples
    --------
    >>> title_of(np.zeros((4, 4)), "CT", "ct", "hu")
    'CT, 0 to 80 HU'
    """
    windowed = role == "ct" and shown_units(plane, ct_units) == "hu"
    return f"{name}, 0 to 80 HU" if windowed else name


def plane_beneath(planes: npt.NDArray[Any], roles: Roles) -> int:
    """The plane that a map is drawn over: the CT, or else the first that was observed.

    Examples
    --------
    >>> planes = np.ones((3, 4, 4))
    >>> plane_beneath(planes, ("mri", "ct", "pet"))
    1
    >>> planes[1] = np.nan
    >>> plane_beneath(planes, ("mri", "ct", "pet"))
    0
    """
    order = sorted(range(len(roles)), key=lambda i: roles[i] != "ct")
    return next((i for i in order if np.isfinite(planes[i]).any()), order[0])


def drawn_beneath(planes: npt.NDArray[Any], names: Sequence[str], roles: Roles) -> dict[str, Any]:
    """The plane below a map, as parameters of `AnomalyMapDisplay`."""
    beneath = plane_beneath(planes, roles)
    return {"ct": planes[beneath], "modality": names[beneath], "role": roles[beneath]}


def draw_plane(
    ax: Any,
    plane: npt.NDArray[Any],
    bounds: tuple[float, float],
    title: str,
    role: str | None = None,
) -> None:
    """Draw one plane in the colours of its role, or "not observed"."""
    bare(ax, title)
    seen = bool(np.isfinite(plane).any())
    colours = COLOURS.get(role or "", "gray") if seen else "gray"
    ax.imshow(grey(plane, *bounds), cmap=colours, vmin=0, vmax=1)
    if not seen:
        ax.text(0.5, 0.5, "not observed", color="white", ha="center", transform=ax.transAxes)
