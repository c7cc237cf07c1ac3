"""Which sample's MRI replaces that of a sample, for the kinds that exchange MRI."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from ctmri_detect._types import GroupsLike
from ctmri_detect.exceptions import InjectionError, InvalidPairsError
from ctmri_detect.synthesis.head_planes import HeadPlanes
from ctmri_detect.synthesis.kinds import WHOLE_SLICE_KINDS
from ctmri_detect.validation import PairReader, check_groups

_SIDE = 24  # pixels of the thumbnail by which levels are compared
_WINDOW = (-100.0, 300.0)  # HU range that shows the level; 8-bit images lie within


class Partners:
    """Finds the MRI of another level, or of another patient at the most similar level.

    Parameters
    ----------
    X : PairReader
    planes : HeadPlanes
        With a CT and an MRI, where the plan has a kind that exchanges MRI.
    plan : sequence of str
        The kind of each sample.
    groups : array-like of shape (n,) or None

    Raises
    ------
    InvalidPairsError
        Where a kind needs patients and there are none.
    """

    def __init__(
        self, X: PairReader, planes: HeadPlanes, plan: Sequence[str], groups: GroupsLike
    ) -> None:
        self.X, self.planes, self.plan = X, planes, plan
        if planes.ct is None or not set(plan) & set(WHOLE_SLICE_KINDS):
            return
        if groups is None:
            raise InvalidPairsError(
                "groups is None; swapped_slice and foreign_slice need the patient of each sample. "
                "Pass groups=, one for each sample."
            )
        self.patients = check_groups(groups, len(X))
        seen, thumbnails = [], []
        for block in X.blocks():
            seen.append(np.isfinite(block).any(axis=(2, 3)))
            thumbnails += [_thumbnail(ct) for ct in block[:, planes.ct]]
        self.seen = np.concatenate(seen)
        self.thumbnails = np.stack(thumbnails)

    def other_mri(self, row: int, seed: SeedSequence) -> NDArray[np.float32] | None:
        """The MRI planes for sample `row`; None where its kind exchanges nothing.

        Raises
        ------
        InjectionError
            Where no other sample has suitable MRI planes.
        """
        kind = self.plan[row]
        if kind not in WHOLE_SLICE_KINDS:
            return None
        own = self.seen[row, list(self.planes.mris)]
        if not (self.seen[row, self.planes.ct] and own.any()):
            raise InjectionError("one of its planes is missing, so that there is no pair to break")
        there = self.seen[:, list(self.planes.mris)][:, own].all(axis=1)
        same = self.patients == self.patients[row]
        if kind == "foreign_slice":
            rows = np.flatnonzero(~same & there)
            if not len(rows):
                raise InjectionError("no other patient has an MRI")
            distance = ((self.thumbnails[rows] - self.thumbnails[row]) ** 2).sum(axis=(1, 2))
            chosen = rows[distance.argmin()]
        else:
            rows = np.flatnonzero(same & there)
            far = rows[np.abs(rows - row) > 1]  # the next slice often looks nearly the same
            rows = far if len(far) else rows[rows != row]
            if not len(rows):
                raise InjectionError("its patient has no other slice with an MRI")
            chosen = np.random.default_rng(seed).choice(rows)
        other = self.X[chosen : chosen + 1][0, list(self.planes.mris)]
        other[~own] = np.nan
        return other


def _thumbnail(ct: NDArray[np.float32]) -> NDArray[np.float32]:
    """A small image of the CT, clipped so that brain, fluid and bone differ, also in 8 bits."""
    plane = np.clip(np.nan_to_num(ct, nan=-1000.0), *_WINDOW)
    return np.asarray(cv2.resize(plane, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))
