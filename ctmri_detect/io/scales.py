"""The scale of the values of an image, as far as they tell it."""

from __future__ import annotations

from typing import Any

import numpy as np

EIGHT_BIT = "8-bit integers"
UNIT = "values from 0 to 1"
DEEP = "more bits or floats"


def scale_of(dtype: Any, low: float, high: float) -> str:
    """The scale by type and range: a sign of how a file was exported, not a proof.

    Parameters
    ----------
    dtype : dtype or str
        The type of the stored values.
    low, high : float
        Smallest and largest value.

    Examples
    --------
    >>> scale_of("uint8", 0, 255), scale_of("float32", 0, 0.9), scale_of("int16", -1000, 900)
    ('8-bit integers', 'values from 0 to 1', 'more bits or floats')
    """
    kind = np.dtype(dtype)
    if kind == np.uint8:
        return EIGHT_BIT
    return UNIT if kind.kind == "f" and low >= 0 and high <= 1 else DEEP
