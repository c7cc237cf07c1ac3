"""Which cells a benchmark has, and which fits give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import joblib
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect.evaluation.cells import Cell
from ctmri_detect.evaluation.conditions import Condition
from ctmri_detect.evaluation.keys import data_digest, digest, thing_digest, versions
from ctmri_detect.evaluation.measure import Job
from ctmri_detect.evaluation.samples import Fold, Samples


def plan_jobs(
    detectors: dict[str, Any],
    samples: Samples,
    folds: dict[int, list[Fold]],
    conditions: Sequence[Condition],
    preprocessor: BaseEstimator | None,
    about: Sequence[Any],
    lasting: bool,
) -> list[Job]:
    """All fits, in the order of the tables.

    Test conditions share one fit with the unchanged samples; each training condition has a fit of
    its own.

    Parameters
    ----------
    detectors : dict of str to estimator
    samples : Samples
    folds : dict of int to list of Fold
        Seed to training and test rows.
    conditions : sequence of Condition
    preprocessor : transformer or None
    about : sequence
        What else the results depend on, such as the number of threads.
    lasting : bool
        Whether later calls must recognise the cells.
    """
    cell_key = _Keys(samples, preprocessor, about) if lasting else _passing_key
    jobs = []
    for name, estimator in detectors.items():
        for seed, parts in folds.items():
            for fold, (train, test) in enumerate(parts):
                for group in _fits(conditions):
                    cells = []
                    for one in group:
                        what = ("", 0.0) if one is None else (one.name, float(one.level))
                        key = cell_key(name, estimator, seed, train, test, one)
                        cells.append((Cell(name, seed, fold, *what, key=key), one))
                    chosen = _training(group[0], train, samples, seed)
                    jobs.append(Job(estimator, seed, chosen, test, cells))
    return jobs


class _Keys:
    """Keys by which a later call recognises a cell."""

    def __init__(self, samples: Samples, preprocessor: Any, about: Sequence[Any]) -> None:
        self._common = [*versions().items(), data_digest(samples), *about]
        self._common.append(thing_digest(preprocessor, "preprocessor"))
        self._known: dict[str, str] = {}

    def __call__(
        self, name: str, estimator: Any, seed: int, train: Any, test: Any, condition: Any
    ) -> str:
        own = self._digest(f"detectors[{name!r}]", estimator)
        under = "" if condition is None else self._digest(repr(condition), condition)
        return digest([*self._common, own, seed, joblib.hash((train, test)), under])

    def _digest(self, name: str, thing: Any) -> str:
        if name not in self._known:
            self._known[name] = thing_digest(thing, name)
        return self._known[name]


def _passing_key(*_: Any) -> str:
    """A key for results that are not kept."""
    return uuid4().hex


def _fits(conditions: Sequence[Condition]) -> list[list[Condition | None]]:
    """Conditions that are tested with one fit."""
    shared: list[Condition | None] = [None]
    fits = [shared]
    for one in conditions:
        if one.trains:
            fits.append([one])
        else:
            shared.append(one)
    return fits


def _training(
    condition: Condition | None, rows: npt.NDArray[np.int64], samples: Samples, seed: int
) -> npt.NDArray[np.int64]:
    if condition is None:
        return rows
    rng = np.random.default_rng([seed, len(rows)])
    return condition.training(rows, samples.target, samples.frame["patient"].to_numpy(), rng)
