"""Checks of parameters that several steps share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import CT, MRI

CT_RANGES = {"hu": (-32768.0, 32767.0), "uint8": (0.0, 255.0)}
"""What the values of a CT can be. Scanners pad with -1024 to -32768, and metal reaches 30000."""

CT_UNITS = tuple(CT_RANGES)
_MOST_BEYOND = 0.01  # of the observed pixels: filters and resizing overshoot a little
_ROUNDED = 0.5


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


def check_ct_values(X: NDArray[np.float32], units: str) -> None:
    """Refuse CT whose values can't be in these units.

    Raises
    ------
    InvalidPairsError
        Where more than 1 % of a sample's observed pixels lie beyond the range of the units, or
        all of them between 0 and 1, as those of prepared pairs do.
    """
    low, high = CT_RANGES[units]
    beyond, prepared = [], []
    for i, plane in enumerate(X[:, CT]):
        seen = plane[np.isfinite(plane)]
        if not seen.size:
            continue
        if ((seen < low - _ROUNDED) | (seen > high + _ROUNDED)).mean() > _MOST_BEYOND:
            beyond.append(i)
        elif seen.min() >= 0 and seen.max() <= 1 and ((seen > 0) & (seen < 1)).mean() > 0.01:
            prepared.append(i)
    if beyond:
        worst = X[beyond[0], CT]
        raise InvalidPairsError(
            f"The CT runs from {np.nanmin(worst):g} to {np.nanmax(worst):g} in sample {beyond[0]}, "
            f"and in {len(beyond)} samples ({listed(beyond)}) more than 1 % of its pixels lie "
            f"beyond {low:g} to {high:g}, what {units!r} can be. Check ct_units; export other "
            "scalings again, in Hounsfield units or as an 8-bit brain window."
        )
    if prepared:
        raise InvalidPairsError(
            f"The CT runs from 0 to 1 in {len(prepared)} samples ({listed(prepared)}), as prepared "
            f"pairs do; expected {units!r}. Give raw pairs to this step, or prepared ones to the "
            "detector alone."
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


def listed(samples: Sequence[int], most: int = 10) -> str:
    """The rows, or the first of them.

    Examples
    --------
    >>> listed(range(3)), listed(range(9), most=2)
    ('0, 1, 2', '0, 1, ...')
    """
    return ", ".join(str(i) for i in samples[:most]) + (", ..." if len(samples) > most else "")
