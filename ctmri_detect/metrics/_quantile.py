"""The exact value that a given share of numbers exceeds, without keeping all the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_DIGIT = 16  # bits looked at in one pass
_ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996, and 29 may exceed

Values = Callable[[], Iterator[npt.NDArray[np.floating]]]


def allowed(share: float, n: int) -> int:
    """The largest whole number that is at most this share of `n`.

    Examples
    --------
    >>> allowed(0.29, 100)
    29
    """
    return min(int(np.floor(share * n + _ROUNDING)), n)


def exceeded_by(values: Values, share: float) -> float:
    """The smallest of the values that at most this share of them exceed; NaN if there are none.

    Looks at 16 bits of the numbers in each pass, two passes for float32 and four for float64,
    and keeps counts only.

    Parameters
    ----------
    values : callable
        Each call gives the numbers (all float32 or all float64, without NaN) from the start, in
        blocks.
    share : float
        From 0 and below 1.

    Examples
    --------
    >>> exceeded_by(lambda: iter([np.array([5.0, 1.0]), np.array([2.0, 3.0])]), 0.25)
    3.0
    """
    prefix, rank, bits = 0, -1, _DIGIT
    kind: Any = None
    done = 0
    while done < bits:
        counts = np.zeros(2**_DIGIT, np.int64)
        for block in values():
            kind, bits = block.dtype, 8 * block.dtype.itemsize
            codes = _codes(block)
            if done:
                codes = codes[codes >> codes.dtype.type(bits - done) == codes.dtype.type(prefix)]
            codes = codes >> codes.dtype.type(bits - done - _DIGIT)
            codes &= codes.dtype.type(2**_DIGIT - 1)
            counts += np.bincount(codes.astype(np.int64), minlength=2**_DIGIT)
        if rank < 0:
            n = int(counts.sum())
            if not n:
                return float("nan")
            rank = min(allowed(share, n), n - 1)
        down = np.cumsum(counts[::-1])
        place = int(np.searchsorted(down, rank, side="right"))
        rank -= int(down[place - 1]) if place else 0
        prefix = (prefix << _DIGIT) | (2**_DIGIT - 1 - place)
        done += _DIGIT
    return _number(prefix, kind)


def _codes(values: npt.NDArray[np.floating]) -> npt.NDArray[Any]:
    """Unsigned integers in the order of the numbers."""
    unsigned = np.dtype(f"u{values.dtype.itemsize}")
    bits = np.ascontiguousarray(values).view(unsigned)
    sign = unsigned.type(1 << (8 * unsigned.itemsize - 1))
    return np.where(bits & sign, ~bits, bits | sign)


def _number(code: int, dtype: Any) -> float:
    """The number that has this code."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    sign = 1 << (8 * unsigned.itemsize - 1)
    bits = code ^ sign if code & sign else code ^ (2 * sign - 1)
    return float(np.array([bits], unsigned).view(dtype)[0])
