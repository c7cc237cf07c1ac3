"""Checks of parameters that several steps share."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

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
