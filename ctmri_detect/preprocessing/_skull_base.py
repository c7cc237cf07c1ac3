"""When slices below the skull base can be marked, and when they can be left out."""

from __future__ import annotations

from typing import Any

from ctmri_detect._parameters import OneOf
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs

IS_CHOICE = OneOf("keep", "mark", "drop")

DROP_AND_LABELS = (
    "below_skull_base is 'drop' and labels y are given; expected no labels, because samples are "
    "left out of X and not out of y. Mark the samples and choose those that stay: X = preprocessor"
    "(below_skull_base='mark').fit_transform(X), keep = ~X.frame['below_skull_base'], then "
    "X[keep] and y[keep]."
)

_NO_SCORING = (
    "below_skull_base is 'drop', and transform must return as many samples as it gets: a "
    "Pipeline that scores or maps samples needs one result for each row. To score with a fitted "
    "Pipeline, call set_params(brainmask__below_skull_base='mark') (or 'keep') on it first. To "
    "prepare samples and leave some out, call fit_transform or transform_to."
)


def check_use(below_skull_base: str, source: str, X: Any, *, may_leave_out: bool) -> None:
    """Refuse a `below_skull_base` that does not fit `source`, X or the method that is called.

    Raises
    ------
    InvalidPairsError
        If the source of the mask is not the CT, X are not `Pairs`, or rows may not be left out.
    """
    if below_skull_base == "keep":
        return
    if source not in ("auto", "ct"):
        raise InvalidPairsError(
            f"below_skull_base is {below_skull_base!r} and source {source!r}; expected source "
            "'auto' or 'ct', because brain and head are compared in the CT. Set "
            "below_skull_base='keep', or choose the slices yourself."
        )
    if not isinstance(X, Pairs):
        raise InvalidPairsError(
            f"below_skull_base is {below_skull_base!r} and X is {type(X).__name__}; expected "
            "Pairs, whose frame gets the columns. Give Pairs(X)."
        )
    if below_skull_base == "drop" and not may_leave_out:
        raise InvalidPairsError(_NO_SCORING)
