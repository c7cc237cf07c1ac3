"""The units of a CT. What they are is said here; everything else refers to it.

``"hu"``: Hounsfield units, in which air is -1000, water 0, brain 20 to 45. ``"uint8"``: a brain
window (level 40, width 80) exported as an 8-bit image, values 0 to 255 for 0 to 80 HU. None: not
known, or neither of the two, as after `CTWindow`. Loaders say which in their `ct_units`.
"""

from __future__ import annotations

from typing import Any, Literal

from ctmri_detect._parameters import OneOf, Such, check_value

__all__ = ["CT_RANGES", "CT_UNITS", "IS_CT_UNITS", "UINT8_TO_HU", "CTUnits", "check_ct_units"]

CTUnits = Literal["hu", "uint8"]

CT_RANGES: dict[str, tuple[float, float]] = {"hu": (-32768.0, 32767.0), "uint8": (0.0, 255.0)}
"""What the values of a CT can be. Scanners pad with -1024 to -32768, and metal reaches 30000."""

CT_UNITS = tuple(CT_RANGES)
UINT8_TO_HU = 80.0 / 255.0

IS_CT_UNITS = Such(
    "'hu' (Hounsfield units) or 'uint8' (an exported brain window, values 0 to 255). Loaders say "
    "which in their ct_units",
    OneOf(*CT_UNITS).is_satisfied_by,
)
"""What a parameter that names the units may be, see `ctmri_detect._parameters`."""


def check_ct_units(value: Any, name: str) -> None:
    """Refuse anything but ``"hu"`` and ``"uint8"``; `name` begins the message.

    Raises
    ------
    ValueError
    """
    check_value(name, value, [IS_CT_UNITS])
