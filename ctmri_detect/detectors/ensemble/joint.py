"""Slices that no member of an ensemble saw, and the residuals of all members in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ctmri_detect.detectors.ensemble.members import Member, rows_nobody_saw
from ctmri_detect.scoring.calibration import Each, Finish, HeldOut, describe
from ctmri_detect.validation import PairReader, missing_planes

_BLOCK = 16
_Made = TypeVar("_Made")


def joint_parts(members: Sequence[Member], X: PairReader) -> list[HeldOut]:
    """Slices that nobody saw, by the fits of the members that did not see them.

    Members can be asked about residuals of all of them at once; nothing else is kept.
    """
    rows = rows_nobody_saw(members)
    fits = np.stack([_fit_of_each(member, rows) for member in members])
    combined, which = np.unique(fits, axis=1, return_inverse=True)
    none, empty = np.arange(0), np.empty((0, *X.shape[1:]), np.float32)
    nothing = none, empty, describe(X.take(none))
    return [
        HeldOut(X.take(rows[which.reshape(-1) == k]), *nothing, _AskAll(members, fit), [])
        for k, fit in enumerate(combined.T)
    ]


def _fit_of_each(member: Member, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Which part of the member each row is in; -1 for those that it can't score."""
    found = np.full(len(rows), -1)
    for k, (part, _) in enumerate(member.parts):
        found[np.isin(rows, part)] = k
    return found


class _AskAll:
    """Residuals of all members, ``(n, n_members, n_planes, height, width)``, block by block."""

    def __init__(self, members: Sequence[Member], fits: npt.NDArray[np.int64]) -> None:
        self.asked: list[tuple[int, bool, Each]] = [
            (m, member.detector.traits.missing_modality, member.parts[fit][1])
            for m, (member, fit) in enumerate(zip(members, fits.tolist(), strict=True))
            if fit >= 0
        ]
        self.n_members = len(members)

    def __call__(self, X: PairReader, finish: Finish[_Made], /) -> list[_Made]:
        starts = range(0, len(X), _BLOCK)
        blocks = (X.take(np.arange(s, min(s + _BLOCK, len(X)))) for s in starts)
        return [self._one(block, finish) for block in blocks]

    def _one(self, block: PairReader, finish: Finish[_Made]) -> _Made:
        values = block[:]
        complete = ~missing_planes(values).any(axis=1)
        shape = len(values), self.n_members, *values.shape[1:]
        out = np.full(shape, np.nan, np.float32)
        for m, also_missing, each in self.asked:
            rows = np.flatnonzero(complete | also_missing)
            if len(rows):
                out[rows, m] = np.concatenate(each(block.take(rows), lambda residual, _: residual))
        return finish(out, PairReader(values, groups=block.groups))
