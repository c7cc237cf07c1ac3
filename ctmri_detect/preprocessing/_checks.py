"""Checks of parameters that several steps share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import OneOf, SequenceOf, Such, check_value, number
from ctmri_detect._parameters import integer as integer_of
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import CT, MRI

CT_RANGES = {"hu": (-32768.0, 32767.0), "uint8": (0.0, 255.0)}
"""What the values of a CT can be. Scanners pad with -1024 to -32768, and metal reaches 30000."""

CT_UNITS = Such(
    "'hu' (Hounsfield units) or 'uint8' (an exported brain window, values 0 to 255). Loaders say "
    "which in their ct_units",
    OneOf(*CT_RANGES).is_satisfied_by,
)
_MOST_BEYOND = 0.01  # of the observed pixels: filters and resizing overshoot a little
_ROUNDED = 0.5


def check_ct_units(value: Any, name: str) -> None:
    """Refuse anything but ``"hu"`` and ``"uint8"``.

    Raises
    ------
    ValueError
    """
    check_value(name, value, [CT_UNITS])


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


def listed(samples: Sequence[int], most: int = 10) -> str:
    """The rows, or the first of them.

    Examples
    --------
    >>> listed(range(3)), listed(range(9), most=2)
    ('0, 1, 2', '0, 1, ...')
    """
    return ", ".join(str(i) for i in samples[:most]) + (", ..." if len(samples) > most else "")
