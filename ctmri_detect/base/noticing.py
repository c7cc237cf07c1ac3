"""What is noticed of samples while they are scored, and the warnings that follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import GroupsLike
from ctmri_detect._warnings import inside_search, warn_user
from ctmri_detect.exceptions import TrainingDataWarning, UnlikeTrainingWarning

_MOST_NAMED = 5
_FEWEST = 5  # samples: a large lesion can make a slice look unlike all others, too


class Noticed:
    """What a detector notices of the samples of one call, block by block.

    Only warnings depend on what is noticed here; no score does.
    """

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.unlike: list[npt.NDArray[np.bool_]] = []

    def add(self, detector: Any, block: npt.NDArray[np.float32]) -> None:
        """Look at a block of samples; several threads may call it."""
        self.seen.append(int(detector.fingerprints_.seen(block).sum()))
        self.unlike.append(detector._unlike(block))

    def warn(self, detector: Any, n: int) -> None:
        """Warn of training slices among `n` samples, and of slices of another kind.

        Searches score training slices on purpose: no warnings there.
        """
        if inside_search():
            return
        name = type(detector).__name__
        if sum(self.seen):
            warn_user(
                f"{sum(self.seen)} of the {n} samples are slices that {name} was fitted on, so "
                "their scores look too normal. Score samples of other patients. seen_in_fit(X) "
                "says which samples these are.",
                TrainingDataWarning,
            )
        counts = sum(found.sum(axis=0) for found in self.unlike)
        odd = [
            f"{plane} ({count} of {n} samples)"
            for plane, count in zip(detector.modalities_, np.atleast_1d(counts), strict=False)
            if count > n / 2 and count >= _FEWEST
        ]
        if odd:
            warn_user(
                f"These planes look unlike the slices that {name} was fitted on: {', '.join(odd)}."
                " Other tissue is bright or dark there, as in another MRI sequence, in inverted "
                "values, or after other preprocessing. What a network learned from the "
                "training slices does not hold for them, and scores and thresholds may mean "
                "nothing. Check sequence and preprocessing, or fit on slices of this kind.",
                UnlikeTrainingWarning,
            )


def known_patients(detector: Any, names: GroupsLike) -> tuple[list[str], int]:
    """Patients that a fitted detector knows by name, and how many there are.

    Parameters
    ----------
    names : array-like of shape (n,), default=None
        Patient of each sample; None if they are unknown.
    """
    every = [] if names is None else list(dict.fromkeys(np.asarray(plain_array(names)).tolist()))
    codes = detector.fingerprints_.codes_of(every)
    return [str(name) for name, code in zip(every, codes, strict=True) if code >= 0], len(every)


def listed_patients(known: list[str]) -> str:
    """The names of the first five, and how many more there are."""
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    return ", ".join(known[:_MOST_NAMED]) + more


def warn_of_known(detector: Any, names: GroupsLike) -> list[str]:
    """Warn of patients that a fitted detector knows by name; returns these."""
    known, n = known_patients(detector, names)
    if known and not inside_search():
        warn_user(
            f"{type(detector).__name__} was fitted on {len(known)} of these {n} patients: "
            f"{listed_patients(known)}. False-positive rates hold for other patients only. Leave "
            "these out. If these are other people with the same names, rename them in groups.",
            TrainingDataWarning,
        )
    return known
