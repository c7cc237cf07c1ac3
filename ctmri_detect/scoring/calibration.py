"""Slices that a model did not see, and their residuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import GroupsLike
from ctmri_detect._warnings import warn_user
from ctmri_detect.exceptions import FewPatientsWarning, PatientsUnknownWarning
from ctmri_detect.imageops.similar import slice_descriptors
from ctmri_detect.scoring.withheld import Choice, Withheld, parts_of, without_planes
from ctmri_detect.validation import PairReader, check_groups

ENOUGH_PATIENTS = 8  # from here on a quarter is held out; below, each is left out in turn
HELD_OUT_EVERY = 4

Residual = npt.NDArray[np.float32]
_Made = TypeVar("_Made")
Finish = Callable[[Residual, PairReader], _Made]


class Each(Protocol):
    """Calls ``finish(residual, X)`` for slices, block by block."""

    def __call__(self, X: PairReader, finish: Finish[_Made], /) -> list[_Made]:
        """The results, one for each block."""


class Model(Protocol):
    """What `held_out` needs of a model."""

    def fit(self, X: PairReader) -> None:
        """Learn from these slices, and from nothing that an earlier call learned."""

    def each(self, X: PairReader, finish: Finish[_Made]) -> list[_Made]:
        """The results of ``finish(residual, X)`` for slices, one for each block."""

    def frozen(self) -> Each:
        """`each` of the model as it is now, which a later `fit` doesn't change."""


def patient_codes(groups: GroupsLike, n_samples: int) -> npt.NDArray[np.int64]:
    """Patients as codes; without `groups`, up to eight contiguous blocks of rows and a warning.

    Examples
    --------
    >>> patient_codes(["b", "a", "b"], 3)
    array([1, 0, 1])
    """
    if groups is None:
        warn_user(
            "The patients of the samples are unknown. Contiguous blocks of rows are taken for "
            "patients; if the rows are shuffled, the threshold flags far too many new slices. "
            "Give the patients: fit(Pairs(X, groups=patients)), also in a Pipeline and in a "
            "search; or fit(X, groups=patients). If X were Pairs, a step of the Pipeline that "
            "returns arrays, such as a FunctionTransformer, has lost the patients.",
            PatientsUnknownWarning,
        )
        return _contiguous(n_samples)
    codes = check_groups(groups, n_samples)
    if len(np.unique(codes)) == 1:
        warn_user(
            "groups names one patient only, so no patient can be held out. Contiguous blocks of "
            "rows are taken for patients, and the threshold flags too many new slices. Give pairs "
            "of more patients.",
            FewPatientsWarning,
        )
        return _contiguous(n_samples)
    return codes


def _contiguous(n_samples: int) -> npt.NDArray[np.int64]:
    return np.minimum(ENOUGH_PATIENTS, n_samples) * np.arange(n_samples) // n_samples


@dataclass(frozen=True)
class HeldOut:
    """Slices that one fit of a model did not see, and their residuals.

    Parameters
    ----------
    X : PairReader
        The slices; `groups` are the codes of their patients.
    bank : int array (m,)
        Which of them are references.
    residual : float32 array (m, n_planes, height, width)
        The residuals of these, the only ones that are kept.
    descriptors : float64 array (m, n_planes, 2, 24, 24)
        By which similar slices are found (see `imageops.similar`).
    each : callable
        ``each(X, finish)``: the results of ``finish(residual, X)``, one for each block.
    withheld : list of Withheld
        The residuals of some of the slices when planes are withheld from them.
    """

    X: PairReader
    bank: npt.NDArray[np.int64]
    residual: Residual
    descriptors: npt.NDArray[np.float64]
    each: Each
    withheld: list[Withheld]

    @property
    def others(self) -> PairReader:
        """The slices that are no references."""
        return self.X.take(np.setdiff1d(np.arange(len(self.X)), self.bank))


@with_default_floats
def held_out(
    model: Model,
    X: PairReader,
    choose: Callable[[int], npt.NDArray[np.int64]],
    *,
    trains: bool,
    cross_fits: bool = False,
    cheap: bool = False,
    withhold: Callable[[PairReader], list[Choice]] | None = None,
    keeps_models: bool = False,
) -> list[HeldOut]:
    """Fit a model, and give the slices that it did not see.

    From eight patients on, every fourth is held out; or, if `cross_fits`, each quarter of the
    patients is left out in turn and the model is fitted once more on all, so that every slice can
    be a reference. If the model is `cheap` to fit, halves are left out instead from 32 patients
    on: such a model is hardly better with more of them. With fewer than eight patients, each one is
    left out in turn. For a model that does not train, nothing is held out.

    Parameters
    ----------
    model : Model
    X : PairReader
        With the codes of its patients in `groups`.
    choose : callable
        Takes the number of held-out slices; gives those that are references, as places among them
        in the order of X.
    trains, cross_fits, cheap : bool
        See above, and `Traits`.
    withhold : callable, default=None
        Takes the held-out slices; gives those from which planes are withheld.
    keeps_models : bool, default=False
        Whether `each` of the results is asked again later, also for slices of the bank.

    Returns
    -------
    list of HeldOut
        One for each fit that left patients out.
    """
    assert X.groups is not None
    fold = _folds(X.groups, trains, cross_fits, cheap)
    rows = np.flatnonzero(fold >= 0)
    bank = rows[choose(len(rows))]
    chosen = [] if withhold is None else withhold(X.take(rows))
    choices = [Choice(seen, rows[part]) for seen, part in chosen]
    numbers = np.unique(fold[rows])
    again = len(numbers) > 1  # the model that stays is fitted on all
    found = []
    for number in numbers:
        here = np.flatnonzero(fold == number)
        left = np.flatnonzero(fold != number)
        model.fit(X.take(left) if len(left) else X)
        later = keeps_models or len(bank) < len(rows)
        each = model.frozen() if again and later else model.each
        rows_of_bank = np.flatnonzero(np.isin(here, bank))
        found.append(_part(X.take(here), rows_of_bank, each, list(parts_of(choices, here))))
    if again:
        model.fit(X)
    return found


def _folds(
    codes: npt.NDArray[np.int64], trains: bool, cross_fits: bool, cheap: bool
) -> npt.NDArray[np.int64]:
    """The number of the fit that holds out each sample; -1 for those that never are."""
    order = np.unique(codes, return_inverse=True)[1]
    n_patients = order.max() + 1
    if not trains or n_patients == 1:
        return np.zeros_like(order)
    if n_patients < ENOUGH_PATIENTS:
        return order
    if cross_fits:
        return order % (2 if cheap and n_patients >= 4 * ENOUGH_PATIENTS else HELD_OUT_EVERY)
    return np.where(order % HELD_OUT_EVERY == HELD_OUT_EVERY - 1, 0, -1)


def _part(X: PairReader, bank: npt.NDArray[np.int64], each: Each, choices: list[Choice]) -> HeldOut:
    kept = each(X.take(bank), lambda residual, X: (residual, describe(X))) if len(bank) else []
    residual = [np.empty((0, *X.shape[1:]), np.float32), *(part for part, _ in kept)]
    descriptors = [describe(X.take(np.arange(0))), *(part for _, part in kept)]
    withheld = [asked_without(X.take(rows), seen, each) for seen, rows in choices]
    return HeldOut(X, bank, np.concatenate(residual), np.concatenate(descriptors), each, withheld)


def asked_without(X: PairReader, seen: npt.NDArray[np.bool_], each: Each) -> Withheld:
    """The residuals of slices from which a model is shown only these planes."""
    kept = each(without_planes(X, seen), lambda r, X: (r[:, seen], describe(X)[:, seen]))
    residual, descriptors = map(np.concatenate, zip(*kept, strict=True))
    return Withheld(seen, residual, descriptors.astype(np.float32), np.asarray(X.groups))


def describe(X: PairReader) -> npt.NDArray[np.float64]:
    """Descriptors by which similar slices are found (see `imageops.similar`)."""
    nothing = np.empty((0, *X.shape[1:]), np.float32)
    return np.concatenate([slice_descriptors(block) for block in (nothing, *X.blocks())])
