"""Checks of parameters that several steps share."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from ctmri_detect.validation import CT, MRI

CT_UNITS = ("hu", "uint8")


def check_ct_units(value: Any, name: str) -> None:
    """Refuse anything but ``"hu"`` and ``"uint8"``.

    Raises
    ------
    ValueError
    """
    if value not in CT_UNITS:
        raise ValueError(
            f"{name} is {value!r}; expected 'hu' (Hounsfield units) or 'uint8' (an exported "
            "brain window, values 0 to 255). Loaders say which in their ct_units."
        )


def check_number(
    value: Any, name: str, low: float, *, integer: bool = False, open_end: bool = False
) -> None:
    """Refuse what is no number, or below `low` (or equal to it where `open_end`).

    Raises
    ------
    ValueError
    """
    kind = Integral if integer else Real
    right_kind = isinstance(value, kind) and not isinstance(value, bool)
    if not right_kind or not (value > low if open_end else value >= low):
        raise ValueError(
            f"{name} is {value!r}; expected {'an integer' if integer else 'a number'} "
            f"{'above' if open_end else 'of at least'} {low:g}."
        )


def check_choice(value: Any, name: str, choices: Iterable[str]) -> None:
    """Refuse what is not one of the strings.

    Raises
    ------
    ValueError
    """
    choices = tuple(choices)
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{name} is {value!r}; expected one of {', '.join(repr(c) for c in choices)}."
        )


PLANES: dict[str, tuple[int, ...]] = {"ct": (CT,), "mri": (MRI,), "both": (CT, MRI)}
"""Values of the parameter `planes`, and the planes that they mean."""


def check_size(value: Any, name: str, low: int = 1) -> tuple[int, int]:
    """Height and width from one integer or two.

    Raises
    ------
    ValueError
    """
    sides = tuple(value) if isinstance(value, tuple | list) else (value, value)
    whole = all(isinstance(s, Integral) and not isinstance(s, bool) for s in sides)
    if len(sides) != 2 or not whole or min(sides) < low:
        raise ValueError(
            f"{name} is {value!r}; expected an integer of at least {low}, or two: (height, width)."
        )
    return int(sides[0]), int(sides[1])
