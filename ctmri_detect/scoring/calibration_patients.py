"""The patients whose healthy slices set a threshold, and what their slices look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ctmri_detect._floats import with_default_floats
from ctmri_detect._threads import map_threads
from ctmri_detect.imageops.looks import LOOKS, slice_looks
from ctmri_detect.validation import PairReader

Codes = npt.NDArray[np.int64]
_BLOCK = 16


class CalibrationPatients(NamedTuple):
    """What is kept of each patient whose healthy slices may set a threshold.

    Attributes
    ----------
    codes : int array (n_patients,)
        As in `MapScoring.calibration_groups_`, ascending.
    looks : float32 array (n_patients, n_planes, 5)
        Medians over the patient's slices, see `imageops.looks.slice_looks`.
    own : bool array (n_patients,)
        Given to `recalibrate`; the others are of `fit`.
    named : bool array (n_patients,)
        Of those: whether the caller named the patients. Else each slice stands for one.
    unseen : bool array (n_patients,)
        Of those: whether neither the model nor its reference has seen them.
    """

    codes: Codes
    looks: npt.NDArray[np.float32]
    own: npt.NDArray[np.bool_]
    named: npt.NDArray[np.bool_]
    unseen: npt.NDArray[np.bool_]

    @classmethod
    def of_fit(cls, parts: Sequence[PairReader]) -> Self:
        """The patients of slices that fits held out; no patient is in two of the parts."""
        each = [looks_of_patients(X) for X in parts]
        codes, looks = map(np.concatenate, zip(*each, strict=True))
        order, no = np.argsort(codes), np.zeros(len(codes), dtype=bool)
        return cls(codes[order], looks[order], no, no, no)

    @classmethod
    def of_own(cls, X: PairReader, *, named: bool, seen: npt.NDArray[np.bool_]) -> Self:
        """The patients of one's own slices; `seen` says which slices or patients `fit` knows."""
        codes, looks = looks_of_patients(X)
        yes = np.ones(len(codes), dtype=bool)
        unseen = ~np.isin(codes, np.asarray(X.groups)[seen])
        return cls(codes, looks, yes, yes & named, unseen)

    def of(self, groups: Codes) -> Self:
        """Those patients alone whose codes are among `groups`."""
        return self.where(np.isin(self.codes, groups))

    def and_own(self, others: Self, groups: Codes) -> Self:
        """Those of `fit`, and the others; earlier own ones only if they are in `groups`."""
        kept = self.where(~self.own | np.isin(self.codes, groups))
        return type(self)(
            np.concatenate([kept.codes, others.codes]),
            np.concatenate([kept.looks, others.looks]),
            np.concatenate([kept.own, others.own]),
            np.concatenate([kept.named, others.named]),
            np.concatenate([kept.unseen, others.unseen]),
        )

    def where(self, keep: npt.NDArray[np.bool_]) -> Self:
        """Some of the patients."""
        parts = self.codes[keep], self.looks[keep]
        return type(self)(*parts, self.own[keep], self.named[keep], self.unseen[keep])


@with_default_floats
def looks_of_patients(X: PairReader) -> tuple[Codes, npt.NDArray[np.float32]]:
    """The codes in ``X.groups``, ascending, and the median looks of each patient's slices.

    Examples
    --------
    >>> X = PairReader(np.arange(4.0).reshape(4, 1, 1, 1), groups=[5, 5, 5, 2])
    >>> codes, looks = looks_of_patients(X)
    >>> codes.tolist(), looks[:, 0, 0].tolist()
    ([2, 5], [3.0, 1.0])
    """
    parts = [np.empty((0, X.shape[1], len(LOOKS)))]
    for block in X.blocks(copy=False):
        parts += map_threads(slice_looks, np.split(block, range(_BLOCK, len(block), _BLOCK)))
    looks, groups = np.concatenate(parts), np.asarray(X.groups, dtype=np.int64)
    codes = np.unique(groups)
    return codes, np.array([_medians(looks[groups == code]) for code in codes], dtype=np.float32)


def _medians(looks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Over the slices that have the plane; NaN where none has it."""
    shown = ~np.isnan(looks).all(axis=0)
    out = np.full(looks.shape[1:], np.nan)
    out[shown] = np.nanmedian(looks[:, shown], axis=0)
    return out
