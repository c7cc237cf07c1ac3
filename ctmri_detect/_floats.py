"""Numpy's floating-point settings, while the library computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def with_default_floats(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """The function, run under the settings that numpy starts with; the caller's are not changed.

    Tails of distributions underflow to 0, and are meant to: under ``np.seterr(all="raise")`` in
    the user's program they would end in an error.

    Examples
    --------
    >>> smallest = with_default_floats(lambda: np.exp(np.float32(-200)))
    >>> with np.errstate(all="raise"):
    ...     float(smallest())
    0.0
    """

    @wraps(function)
    def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*args, **kwargs)

    return call
