"""Fit a detector on a fold's training samples, and score its test samples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch

from ctmri_detect._warnings import Told, warnings_kept
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.evaluation.cells import COSTS, Cell, Measured, failed
from ctmri_detect.evaluation.conditions import Condition
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.evaluation.pseudonyms import without_names
from ctmri_detect.evaluation.samples import Samples, told_again
from ctmri_detect.evaluation.store import Store
from ctmri_detect.evaluation.threads import pinned_threads
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.localization import anomaly_map
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import (
    Route,
    decisions,
    has_threshold,
    last_step,
    ranking_offset,
    walk,
)

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Job:
    """One fit, and the cells that are scored with it.

    Parameters
    ----------
    estimator : estimator
    seed : int
    train, test : int arrays
        Rows of the data.
    cells : list of (Cell, Condition or None)
        What is tested. None: the samples as they are.
    """

    estimator: BaseEstimator
    seed: int
    train: Rows
    test: Rows
    cells: list[tuple[Cell, Condition | None]]


@dataclass(frozen=True)
class Ground:
    """What all jobs share: the samples, as they are and preprocessed, and how to measure."""

    samples: Samples
    prepared: Route
    steps: list[BaseEstimator]
    wants_maps: bool
    n_threads: int
    hidden: frozenset[str] = frozenset()  # names that no result may hold

    def tested(self, rows: Rows, condition: Condition | None, seed: int) -> TestedSamples:
        """The test samples of a cell under its condition."""
        if condition is None:
            return TestedSamples(self.prepared.X[rows], self.prepared, rows)
        given = self.samples.X[rows]
        place = self.samples.frame["slice"].to_numpy()[rows]
        frame = pd.DataFrame(index=range(len(rows))) if given.frame is None else given.frame
        told = given.replace(frame=frame.assign(slice=place))
        changed = given.replace(array=condition.tested(told, rows, seed))
        X, route = changed, Route(changed)
        for step in self.steps:
            route.X = X = told_again(route.walk([step]).X, X, given)
        return TestedSamples(X, route, np.arange(len(rows)))

    def failed(self, rows: Rows, error: Exception) -> Measured:
        """The result of a cell whose detector raised an error."""
        return failed(rows, f"{type(error).__name__}: {without_names(str(error), self.hidden)}")


@dataclass(frozen=True)
class TestedSamples:
    """Preprocessed samples, and the way of their maps back to the caller's grid."""

    X: Pairs
    route: Route
    rows: Rows  # in the route


@dataclass(frozen=True)
class Finished:
    """How many cells a job had, and what its detector warned of."""

    detector: str
    n_cells: int
    told: Told


def run_job(job: Job, ground: Ground, store: Store) -> Finished:
    """Fit once, then score and store each cell."""
    estimator, fitted = seeded_clone(job.estimator, job.seed), None
    with pinned_threads(ground.n_threads), warnings_kept() as told:
        for cell, condition in job.cells:
            store.begin(cell)
            with PeakMemory() as memory:
                fitted = fitted or _fit(estimator, job.train, ground)
                measured = _measured(estimator, fitted, job, condition, ground)
            costs = fitted.seconds, measured.costs[COSTS[1]], memory.increase_mb
            if not measured.error:
                measured.costs.update(zip(COSTS, costs, strict=True))
            store.put(cell, measured)
    return Finished(job.cells[0][0].detector, len(job.cells), told)


@dataclass(frozen=True)
class _Fitted:
    """How long a fit took, and what went wrong in it."""

    seconds: float
    error: Exception | None = None


def _fit(estimator: Any, train: Rows, ground: Ground) -> _Fitted:
    start = time.perf_counter()
    try:
        estimator.fit(ground.prepared.X[train], np.ones(len(train), int))
    except Exception as error:  # any detector's any failure becomes its row
        return _Fitted(float("nan"), error)
    return _Fitted(time.perf_counter() - start)


def _measured(
    estimator: BaseEstimator, fitted: _Fitted, job: Job, condition: Condition | None, ground: Ground
) -> Measured:
    """The result of a cell, also of one that fails."""
    if fitted.error is not None:
        return ground.failed(job.test, fitted.error)
    try:
        return _score(estimator, job, condition, ground)
    except Exception as error:  # any detector's any failure becomes its row
        return ground.failed(job.test, error)


def _score(
    estimator: BaseEstimator, job: Job, condition: Condition | None, ground: Ground
) -> Measured:
    """Everything about the test samples comes from one pass over them."""
    tested = ground.tested(job.test, condition, job.seed)
    start = time.perf_counter()
    maps = None
    if ground.wants_maps and localizes(estimator):
        decision, maps, seconds = _localised(estimator, tested, ground.samples.X.shape[2:])
    else:
        decision = decisions(estimator, tested.X)
        seconds = time.perf_counter() - start
    _check_decision(decision, job.test)
    found = Measured(job.test, decision, has_threshold(estimator), {COSTS[1]: seconds}, maps)
    scoring = getattr(last_step(estimator), "map_scoring_", None)
    return replace(found, promised=float(getattr(scoring, "false_positive_rate", np.nan)))


def _localised(
    estimator: BaseEstimator, tested: TestedSamples, grid: tuple[int, ...]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float16], float]:
    """Decisions, maps on the caller's grid, and seconds without the way back."""
    start = time.perf_counter()
    if not isinstance(last_step(estimator), BasePairedDetector):
        own, given = decisions(estimator, tested.X), anomaly_map(estimator, tested.X)
        seconds = time.perf_counter() - start
        return own, tested.route.back(given, tested.rows).astype(np.float16), seconds
    route, detector = walk(estimator, tested.X)
    offset = ranking_offset(detector)
    decision = np.full(len(tested.rows), np.nan)
    maps = np.full((len(tested.rows), *grid), np.nan, np.float16)
    blocks = detector.iter_detect(route.X, include=("anomaly_score", "anomaly_map"))
    seconds = time.perf_counter() - start
    for block, took in _timed(blocks):
        seconds += took
        decision[block.samples] = -block.anomaly_score - offset
        back = route.back(block.anomaly_map, block.samples)
        maps[block.samples] = tested.route.back(back, tested.rows[block.samples])
    return decision, maps, seconds


def _timed(blocks: Iterator[Bunch]) -> Iterator[tuple[Bunch, float]]:
    """Each block, and the seconds until it was there."""
    start = time.perf_counter()
    for block in blocks:
        yield block, time.perf_counter() - start
        start = time.perf_counter()


def _check_decision(decision: npt.NDArray[np.float64], test: Rows) -> None:
    if decision.shape != test.shape:
        raise InvalidPairsError(
            f"decision_function returned shape {decision.shape}; expected ({len(test)},), "
            "one number a sample."
        )
    bad = test[~np.isfinite(decision)]
    if len(bad):
        raise InvalidPairsError(
            f"decision_function is not finite for samples {', '.join(map(str, bad[:10]))}"
            f"{' ...' if len(bad) > 10 else ''}; expected one number a sample."
        )


def seeded_clone(estimator: BaseEstimator, seed: int) -> Any:
    """An unfitted copy, every `random_state` in it set to `seed`."""
    copy = clone(estimator)
    names = [n for n in copy.get_params(deep=True) if n.split("__")[-1] == "random_state"]
    copy.set_params(**dict.fromkeys(names, seed))  # a FrozenEstimator's returns None
    return copy


def localizes(estimator: BaseEstimator) -> bool:
    """Whether a fitted estimator ends in a detector whose maps say where."""
    detector = last_step(estimator)
    traits = getattr(detector, "traits", None)
    return hasattr(detector, "anomaly_map") and (traits is None or traits.localizes)
