"""What each parameter of an estimator may be, and the one gate that refuses everything else.

An estimator says in ``_parameter_constraints`` what its parameters may be, as scikit-learn's own
do; `check_parameters` is called in `fit`, before any work. This is the only module that touches
scikit-learn's private module of constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
    make_constraint,
)

__all__ = [
    "BOOLEAN",
    "DEVICE",
    "PATH",
    "RANDOM_STATE",
    "CheckedParameters",
    "Constraints",
    "HasMethods",
    "OneOf",
    "SequenceOf",
    "Such",
    "check_parameters",
    "check_value",
    "integer",
    "number",
]

Constraints = dict[str, list[Any]]
_LONGEST = 200  # characters of a wrong value that a message shows


class CheckedParameters:
    """Mixin of everything whose parameters `check_parameters` can check."""

    _parameter_constraints: ClassVar[Constraints] = {}

    def _check_parameters(self) -> None:
        """Raise a ValueError for parameters that are good alone and bad together."""


def check_parameters(estimator: CheckedParameters) -> None:
    """Refuse the first parameter that is not what the estimator says it may be.

    Estimators of this library among the parameters are checked, too.

    Raises
    ------
    InvalidParameterError
        scikit-learn's, which is a ValueError and a TypeError.

    Examples
    --------
    >>> from ctmri_detect import MapScoring
    >>> check_parameters(MapScoring(n_neighbors=3.0))
    Traceback (most recent call last):
    ...
    sklearn.utils._param_validation.InvalidParameterError: MapScoring's n_neighbors is 3.0; \
expected an integer of at least 1.
    """
    values = {name: getattr(estimator, name) for name in estimator._parameter_constraints}
    for name, value in values.items():
        allowed = estimator._parameter_constraints[name]
        check_value(f"{type(estimator).__name__}'s {name}", value, allowed)
    for value in values.values():
        if isinstance(value, CheckedParameters):
            check_parameters(value)
    estimator._check_parameters()


def check_value(name: str, value: object, allowed: Sequence[Any]) -> None:
    """Refuse a value that satisfies none of the constraints; `name` begins the message.

    Raises
    ------
    InvalidParameterError
        It says what came and what is allowed.

    Examples
    --------
    >>> check_value("size", 64, [integer(8), None])
    """
    if not _satisfies(value, allowed):
        shown = repr(value)
        shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
        raise InvalidParameterError(f"{name} is {shown}; expected {_words(allowed)}.")


class Number(Interval):
    """A number of an interval, finite unless infinity is its end. A bool is not a number here."""

    def is_satisfied_by(self, value: object) -> bool:
        """Whether it is such a number."""
        known = isinstance(value, (int, float, np.integer, np.floating))
        return known and not isinstance(value, bool) and bool(super().is_satisfied_by(value))

    def __str__(self) -> str:
        kind = "an integer" if self.type is Integral else "a number"
        if self.closed == "both":
            return f"{kind} from {self.left} to {self.right}"
        ends = []
        if self.left is not None:
            ends.append(f"{'of at least' if self.closed == 'left' else 'above'} {self.left}")
        if self.right is not None:
            ends.append(f"{'at most' if self.closed == 'right' else 'below'} {self.right}")
        return f"{kind} {' and '.join(ends)}" if ends else f"a finite {kind.partition(' ')[2]}"


def integer(least: int, most: int | None = None) -> Number:
    """An integer of at least `least`, and at most `most`."""
    return Number(Integral, least, most, closed="left" if most is None else "both")


def number(
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Number:
    """A finite number; `least` and `most` are allowed themselves, `above` and `below` are not."""
    ends = {(True, True): "both", (True, False): "left", (False, True): "right"}
    closed = ends.get((least is not None, most is not None), "neither")
    low, high = (least if above is None else above), (most if below is None else below)
    return Number(Real, low, high, closed=closed)


class OneOf(StrOptions):
    """One of some names, which a message gives in their order."""

    def __init__(self, *names: str) -> None:
        super().__init__(set(names))
        self.names = names


class Such:
    """A value that passes a test; `words` describe it."""

    def __init__(self, words: str, test: Callable[[Any], bool]) -> None:
        self.words = words
        self.test = test

    def is_satisfied_by(self, value: object) -> bool:
        """Whether it passes."""
        return bool(self.test(value))

    def __str__(self) -> str:
        return self.words


class SequenceOf(Such):
    """A list, tuple or 1-D array of `least` to `most` items, each of which is allowed."""

    def __init__(self, words: str, *allowed: Any, least: int = 1, most: int | None = None) -> None:
        super().__init__(words, self._is_good)
        self.allowed, self.least, self.most = allowed, least, most

    def _is_good(self, value: object) -> bool:
        if isinstance(value, np.ndarray) and value.ndim == 1:
            value = list(value)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return False
        fits = len(value) >= self.least and (self.most is None or len(value) <= self.most)
        return fits and all(_satisfies(item, self.allowed) for item in value)


def _satisfies(value: object, allowed: Sequence[Any]) -> bool:
    return any(_made(constraint).is_satisfied_by(value) for constraint in allowed)


def _made(constraint: Any) -> Any:
    return constraint if isinstance(constraint, Such) else make_constraint(constraint)


def _words(allowed: Sequence[Any]) -> str:
    words: list[str] = []
    for constraint in allowed:
        if isinstance(constraint, OneOf):
            words += map(repr, constraint.names)
        elif isinstance(constraint, type):
            words.append(f"an instance of {constraint.__name__}")
        else:
            words.append(str(_made(constraint)))
    return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _is_device(value: object) -> bool:
    kind = type(value)  # torch need not be there
    return isinstance(value, str) or (kind.__module__, kind.__qualname__) == ("torch", "device")


BOOLEAN = [Such("True or False", lambda value: isinstance(value, (bool, np.bool_)))]
RANDOM_STATE = [integer(0, 2**32 - 1), np.random.RandomState, None]
DEVICE = [Such("'auto', 'cpu', 'cuda' or another name of torch", _is_device)]
PATH = Such("a path", lambda value: isinstance(value, (str, PathLike)) and str(value) != "")

SIZE = [integer(1), SequenceOf("two of them: (height, width)", integer(1), least=2, most=2)]
"""What a parameter `size` may be, see `height_and_width`."""


def height_and_width(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width from one integer or two."""
    height, width = np.broadcast_to(size, 2)
    return int(height), int(width)


def rising(value: npt.ArrayLike) -> bool:
    """Whether each number is larger than the one before it."""
    return bool((np.diff(value) > 0).all())


def percentiles(words: str, most: int | None = None) -> Such:
    """What a parameter `percentiles` may be: two or more rising numbers from 0 to 100."""
    numbers = SequenceOf(words, number(0, 100), least=2, most=most)
    return Such(words, lambda value: numbers.is_satisfied_by(value) and rising(value))
