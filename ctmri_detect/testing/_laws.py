"""Failures that say in words which law is broken, and by how much."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt


def demand(holds: object, message: str) -> None:
    """Fail with the message unless it holds; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise AssertionError(message)


def demand_equal(got: npt.ArrayLike, expected: npt.ArrayLike, law: str) -> None:
    """Both are the same, NaN for NaN."""
    _compare(got, expected, law, tolerance=0.0)


def demand_same_copy(got: npt.ArrayLike, expected: npt.ArrayLike, law: str) -> None:
    """`demand_equal` for what a copy gives; says what moves the last digits only."""
    try:
        demand_equal(got, expected, law)
    except AssertionError as error:
        ours, wanted = np.asarray(got), np.asarray(expected)
        if ours.shape == wanted.shape and np.allclose(ours, wanted, 1e-3, 1e-3, equal_nan=True):
            raise AssertionError(
                f"{error} Only last digits differ. A usual cause is the memory layout: a fitted "
                "array that is a view or transposed comes back contiguous, and sums are rounded "
                "in another order. Keep np.ascontiguousarray(values) in the fitted attribute."
            ) from None
        raise


def demand_close(got: npt.ArrayLike, expected: npt.ArrayLike, law: str) -> None:
    """Both are the same but for rounding (1e-4, and 1e-4 of the expected value)."""
    _compare(got, expected, law, tolerance=1e-4)


def demand_error(
    call: Callable[[], object],
    kinds: type[BaseException] | tuple[type[BaseException], ...],
    law: str,
) -> str:
    """The call raises one of these errors, whose message is returned."""
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    names = " or ".join(kind.__name__ for kind in wanted)
    try:
        call()
    except wanted as error:
        return str(error)
    except Exception as error:
        raise AssertionError(
            f"{law} It raised {type(error).__name__} instead of {names}: {error}"
        ) from error
    raise AssertionError(f"{law} It raised nothing; expected {names}.")


def _compare(got: npt.ArrayLike, expected: npt.ArrayLike, law: str, tolerance: float) -> None:
    ours, wanted = np.asarray(got), np.asarray(expected)
    if ours.shape != wanted.shape:
        raise AssertionError(f"{law} The shape is {ours.shape}; expected {wanted.shape}.")
    if np.array_equal(ours, wanted, equal_nan=ours.dtype.kind == "f"):
        return
    lost = np.isnan(got) != np.isnan(wanted)
    if lost.any():
        raise AssertionError(
            f"{law} NaN is in other places: {int(lost.sum())} of {lost.size} values differ."
        )
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        off = np.abs(ours.astype(np.float64) - wanted.astype(np.float64))
    off[ours == wanted] = 0.0
    wrong = off > tolerance * (1 + np.abs(wanted))
    if wrong.any():
        raise AssertionError(
            f"{law} {int(wrong.sum())} of {off.size} values differ, by up to "
            f"{np.nanmax(off):.3g}; allowed is {tolerance:g}."
        )
