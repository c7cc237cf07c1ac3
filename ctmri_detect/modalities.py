"""Modalities: the names of the planes of a sample, and the role of each.

A role says what the values mean, and so what preprocessing, augmentation and displays do with a
plane. ``"ct"``: attenuation, in the units of `ctmri_detect.ct_units`. ``"mri"``: signal without a
unit. ``"pet"``: uptake, as a standardised uptake value (SUV) or in proportion to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ctmri_detect.exceptions import InvalidPairsError

__all__ = ["DEFAULT_MODALITIES", "ROLES", "Roles", "planes_with", "role_of", "roles_of"]

ROLES = ("ct", "mri", "pet")
DEFAULT_MODALITIES = ("CT", "MRI")
"""Names of two planes that nobody named."""

Roles = tuple[str | None, ...]
"""The role of each plane; None if it is not known."""

_CT = {"ct", "ncct", "nect", "cect"}
_PET = {"pet", "suv", "suvr"}


def role_of(name: str) -> str | None:
    """The role that the name of a modality says.

    Names with the word CT are CT, with PET or SUV are PET, and all others are MRI. So a tracer
    such as FDG needs ``Pairs(..., roles={"FDG": "pet"})``.

    Parameters
    ----------
    name : str
        Such as "CT", "T1", "FLAIR". Case does not matter.

    Returns
    -------
    {"ct", "mri", "pet"} or None
        None for the names of planes that nobody named ("plane 0").

    Examples
    --------
    >>> [role_of(name) for name in ("CT", "T1", "FLAIR", "PET_FDG", "plane 0")]
    ['ct', 'mri', 'mri', 'pet', None]
    """
    words = set(re.findall("[a-z]+", name.lower()))
    if re.fullmatch(r"plane \d+", name):
        return None
    if words & _CT:
        return "ct"
    return "pet" if words & _PET else "mri"


def roles_of(modalities: Sequence[str], given: Mapping[str, str] | Roles | None = None) -> Roles:
    """The role of each plane, by its name or as given.

    Parameters
    ----------
    modalities : sequence of str
        Names of the planes.
    given : dict of str to {"ct", "mri", "pet"}, or tuple, default=None
        Roles of single modalities, or of all planes in order.

    Returns
    -------
    tuple of str or None

    Raises
    ------
    InvalidPairsError
        For a role or a name that does not exist, and for a tuple of another length.

    Examples
    --------
    >>> roles_of(("CT", "T1", "FDG"), {"FDG": "pet"})
    ('ct', 'mri', 'pet')
    """
    names = tuple(modalities)
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        _check_all(given, names)
        return tuple(given)
    wrong = {name: role for name, role in given.items() if name not in names or role not in ROLES}
    if wrong:
        raise InvalidPairsError(
            f"roles holds {wrong}; expected names out of {', '.join(names)}, and for each one of "
            f"{', '.join(ROLES)}."
        )
    return tuple(given.get(name, role_of(name)) for name in names)


def _check_all(given: Any, names: tuple[str, ...]) -> None:
    fits = isinstance(given, list | tuple) and len(given) == len(names)
    if not fits or any(role not in (*ROLES, None) for role in given):
        raise InvalidPairsError(
            f"roles is {given!r}; expected a dict, such as {{{names[-1]!r}: 'pet'}}, or one of "
            f"{', '.join(ROLES)} for each of {', '.join(names)}."
        )


def planes_with(roles: Roles, role: str) -> tuple[int, ...]:
    """Positions of the planes with this role; empty if there is none.

    Parameters
    ----------
    roles : tuple of str or None
        The role of each plane.
    role : {"ct", "mri", "pet"}

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        For another role.
    InvalidPairsError
        If the role of a plane is not known.

    Examples
    --------
    >>> planes_with(("ct", "mri", "mri"), "mri")
    (1, 2)
    """
    if role not in ROLES:
        raise ValueError(
            f"role is {role!r}; expected one of {', '.join(ROLES)}. A role is no name of a plane, "
            "such as 'MRI' or 'T1'."
        )
    if None in roles:
        raise InvalidPairsError(
            f"X has {len(roles)} plane(s) without names, and here it matters which are CT, MRI or "
            "PET. Name them: Pairs(X, modalities=('CT', 'T1', 'FLAIR')), one name a plane, and "
            "roles={'FDG': 'pet'} if a name doesn't say it. Only two planes without names are "
            "CT and MRI."
        )
    return tuple(i for i, each in enumerate(roles) if each == role)
