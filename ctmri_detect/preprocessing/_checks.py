"""Checks of parameters that several steps share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ctmri_detect._parameters import OneOf, SequenceOf, Such, check_value, number
from ctmri_detect._parameters import integer as integer_of
from ctmri_detect.validation import CT, MRI

CT_UNITS = Such(
    "'hu' (Hounsfield units) or 'uint8' (an exported brain window, values 0 to 255). Loaders say "
    "which in their ct_units",
    OneOf("hu", "uint8").is_satisfied_by,
)


def check_ct_units(value: Any, name: str) -> None:
    """Refuse anything but ``"hu"`` and ``"uint8"``.

    Raises
    ------
    ValueError
    """
    check_value(name, value, [CT_UNITS])


def check_number(
    value: Any, name: str, low: float, *, integer: bool = False, open_end: bool = False
) -> None:
    """Refuse what is no number, or below `low` (or equal to it where `open_end`).

    Raises
    ------
    ValueError
    """
    if integer:
        check_value(name, value, [integer_of(int(low))])
    else:
        check_value(name, value, [number(above=low) if open_end else number(low)])


def check_choice(value: Any, name: str, choices: Iterable[str]) -> None:
    """Refuse what is not one of the strings.

    Raises
    ------
    ValueError
    """
    check_value(name, value, [OneOf(*choices)])


PLANES: dict[str, tuple[int, ...]] = {"ct": (CT,), "mri": (MRI,), "both": (CT, MRI)}
"""Values of the parameter `planes`, and the planes that they mean."""


SIZE = [integer_of(1), SequenceOf("two of them: (height, width)", integer_of(1), least=2, most=2)]
"""What a parameter `size` may be, see `height_and_width`."""


def height_and_width(size: Any) -> tuple[int, int]:
    """Height and width from one integer or two."""
    height, width = np.broadcast_to(size, 2)
    return int(height), int(width)


def rising(value: Any) -> bool:
    """Whether some numbers rise."""
    return bool((np.diff(value) > 0).all())


def percentiles(words: str, most: int | None = None) -> Such:
    """What a parameter `percentiles` may be: two or more rising numbers from 0 to 100."""
    numbers = SequenceOf(words, number(0, 100), least=2, most=most)
    return Such(words, lambda value: numbers.is_satisfied_by(value) and rising(value))
