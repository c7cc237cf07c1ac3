"""Conditions that change which samples a detector is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ctmri_detect.evaluation.conditions import Condition, Rows
from ctmri_detect.exceptions import InvalidPairsError


@dataclass(frozen=True)
class TrainingPatients(Condition):
    """Training on fewer patients, drawn at random; `level` is how many.

    Examples
    --------
    >>> patients, rng = np.repeat(["a", "b", "c"], 2), np.random.default_rng(0)
    >>> rows = TrainingPatients(2).training(np.arange(6), np.ones(6, int), patients, rng)
    >>> len(rows), len(set(patients[rows]))
    (4, 2)
    """

    name: ClassVar[str] = "training patients"

    def training(
        self,
        rows: Rows,
        target: npt.NDArray[np.int64],
        patients: npt.NDArray[Any],
        rng: np.random.Generator,
    ) -> Rows:
        """See `Condition.training`."""
        names, codes = np.unique(patients[rows].astype(str), return_inverse=True)
        if self.level > len(names):
            raise InvalidPairsError(
                f"A fold trains on {len(names)} patients; expected at least {self.level:g}. Give a "
                "smaller level, or more data."
            )
        return rows[np.isin(codes, rng.permutation(len(names))[: int(self.level)])]


@dataclass(frozen=True)
class Contamination(Condition):
    """Anomalous samples of the training patients among the training samples, without their label.

    `level` is their share of the training samples, from 0 to 1. They replace as many healthy
    ones. It fails where the training patients have too few anomalous samples.

    Examples
    --------
    >>> target, patients = np.array([1, 1, 1, 1, -1, -1]), np.repeat(["a", "b"], 3)
    >>> rng = np.random.default_rng(0)
    >>> target[Contamination(0.5).training(np.arange(4), target, patients, rng)].tolist()
    [1, 1, -1, -1]
    """

    name: ClassVar[str] = "contamination"

    def training(
        self,
        rows: Rows,
        target: npt.NDArray[np.int64],
        patients: npt.NDArray[Any],
        rng: np.random.Generator,
    ) -> Rows:
        """See `Condition.training`."""
        n = round(self.level * len(rows))
        odd = np.flatnonzero((target == -1) & np.isin(patients, patients[rows]))
        if n > len(odd):
            raise InvalidPairsError(
                f"The training patients have {len(odd)} anomalous samples; a contamination of "
                f"{self.level:g} needs {n}. Give a smaller level."
            )
        kept = rng.permutation(rows)[n:]
        return np.sort(np.concatenate([kept, rng.permutation(odd)[:n]]))
