"""One detector and one seed through all folds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.evaluation.gallery import worst_samples
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.evaluation.pixels import PixelCounts
from ctmri_detect.evaluation.rating import Metric
from ctmri_detect.evaluation.samples import Fold, Samples
from ctmri_detect.evaluation.table import COSTS, image_row, metric_rows
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pipelines import (
    Route,
    decisions,
    has_threshold,
    last_step,
    ranking_offset,
    walk,
)

Map = npt.NDArray[np.float16]


class Run:
    """One detector and seed through all folds; `keep` are the samples whose maps stay."""

    def __init__(
        self, samples: Samples, prepared: Route, keep: list[int] | None, n_worst: int
    ) -> None:
        self.samples, self.prepared, self.keep, self.n_worst = samples, prepared, keep, n_worst
        self.decision = np.full(len(samples.target), np.nan)
        self.fold = np.full(len(samples.target), -1)
        self.has_threshold = np.ones(len(samples.target), dtype=bool)
        self.pixels: PixelCounts | None = None
        self.maps: dict[int, Map] = {}
        self.costs: list[dict[str, float]] = []  # of each fold
        self.error = ""

    def measure(
        self, estimator: BaseEstimator, seed: int, folds: list[Fold], tick: Callable[[int], object]
    ) -> None:
        """Fit and score fold by fold; an error ends this run, not the benchmark."""
        index = 0
        try:
            for index, (train, test) in enumerate(folds):
                self.fold[test] = index
                self._fit_and_score(seeded_clone(estimator, seed), train, test)
                tick(1)
        except Exception as error:  # any detector's any failure becomes its row
            self.error = f"{type(error).__name__}: {error}"
            self.maps = {}
            tick(len(folds) - index)

    def _fit_and_score(
        self, estimator: BaseEstimator, train: Any, test: npt.NDArray[np.int64]
    ) -> None:
        """One fold: everything about its test samples comes from one pass over them."""
        with PeakMemory() as memory:
            start = time.perf_counter()
            estimator.fit(self.prepared.X[train], self.samples.target[train])
            fit_seconds = time.perf_counter() - start
            seconds = self._score(estimator, test)
        _refuse_gaps(self.decision[test], test)
        self.has_threshold[test] = has_threshold(estimator)
        costs = (fit_seconds, seconds, memory.increase_mb)
        self.costs.append(dict(zip(COSTS, costs, strict=True)))

    def _score(self, estimator: BaseEstimator, test: npt.NDArray[np.int64]) -> float:
        """Decisions and maps of a fold's test samples; returns the seconds that it took."""
        start = time.perf_counter()
        X = self.prepared.X[test]
        if not localizes(estimator) or (self.samples.masks is None and self.keep is None):
            decision = decisions(estimator, X)
            if decision.shape != test.shape:
                raise InvalidPairsError(
                    f"decision_function returned shape {decision.shape}; expected ({len(test)},), "
                    "one number a sample."
                )
            self.decision[test] = decision
            return time.perf_counter() - start
        if self.samples.masks is not None and self.pixels is None:
            self.pixels = PixelCounts()
        route, detector = walk(estimator, X)
        offset = ranking_offset(detector)
        blocks = detector.iter_detect(route.X, include=("anomaly_score", "anomaly_map"))
        seconds = time.perf_counter() - start
        for block, took in _timed(blocks):
            seconds += took
            rows = test[block.samples]
            self.decision[rows] = -block.anomaly_score - offset
            self._localise(route, block, rows)
        return seconds

    def _localise(self, route: Route, block: Bunch, rows: npt.NDArray[np.int64]) -> None:
        """Count the pixels of a block's maps, and keep those that a gallery needs so far."""
        wanted = self._gallery()
        truth = [self.samples.pixel_truth(sample) for sample in rows]
        used = [i for i, s in enumerate(rows) if truth[i] is not None or s in wanted]
        if used:
            kinds = self.samples.frame["kind"].to_numpy()
            maps = route.back(block.anomaly_map[used], block.samples[used])
            maps = self.prepared.back(maps, rows[used])
            for i, plane in zip(used, maps, strict=True):
                sample, mask = int(rows[i]), truth[i]
                if self.pixels is not None and mask is not None:
                    self.pixels.add(kinds[sample], mask, plane)
                if sample in wanted:
                    self.maps[sample] = plane.astype(np.float16)
        self.maps = {s: m for s, m in self.maps.items() if s in wanted}

    def _gallery(self) -> set[int]:
        """The chosen samples, and the worst ones among what is scored so far."""
        if self.keep is None:
            return set()
        missed, alarms = worst_samples(self.samples.target, self.decision, self.n_worst)
        return {*self.keep, *missed, *alarms}

    def rows(
        self, name: str, seed: int, tested: npt.NDArray[np.bool_], own: Mapping[str, Metric]
    ) -> list[dict[str, Any]]:
        """The rows of the table."""
        common: dict[str, Any] = {"detector": name, "seed": seed}
        if self.error:
            common |= dict.fromkeys(COSTS, float("nan"))
        else:
            fit, score, memory = (np.array([cost[c] for cost in self.costs]) for c in COSTS)
            totals = (float(fit.mean()), float(score.sum()), float(memory.max()))
            common |= dict(zip(COSTS, totals, strict=True))
        decision = None if self.error else self.decision
        rows = metric_rows(self.samples, tested, decision, self.pixels, own, name)
        return [{**common, **row, "error": self.error or row["error"]} for row in rows]

    def fold_rows(self, name: str, seed: int, own: Mapping[str, Metric]) -> list[dict[str, Any]]:
        """One row a fold that was measured."""
        target, rows = self.samples.target, []
        for index, costs in enumerate(self.costs):
            used = self.fold == index
            counts = {"n_normal": target[used] == 1, "n_anomalous": target[used] == -1}
            row = {"detector": name, "seed": seed, "fold": index}
            row |= {key: int(held.sum()) for key, held in counts.items()}
            rows.append(row | image_row(target, self.decision, used, own, name) | costs)
        return rows

    def scores(self, name: str, seed: int) -> pd.DataFrame:
        """The decision of every tested sample; none where the detector failed."""
        frame = self.samples.frame.assign(
            decision=self.decision, has_threshold=self.has_threshold, fold=self.fold, seed=seed
        )
        frame.insert(0, "detector", name)
        order = ["detector", "seed", "fold", *self.samples.frame.columns]
        kept = (self.fold >= 0) & (not self.error)
        return frame.loc[kept, [*order, "decision", "has_threshold"]]


def seeded_clone(estimator: BaseEstimator, seed: int) -> Any:
    """An unfitted copy, every `random_state` in it set to `seed`."""
    copy = clone(estimator)
    names = [n for n in copy.get_params(deep=True) if n.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(names, seed))


def localizes(estimator: BaseEstimator) -> bool:
    """Whether a fitted estimator ends in a detector whose maps say where."""
    detector = last_step(estimator)
    return isinstance(detector, BasePairedDetector) and detector.traits.localizes


def _timed(blocks: Iterator[Bunch]) -> Iterator[tuple[Bunch, float]]:
    """Each block, and the seconds until it was there."""
    start = time.perf_counter()
    for block in blocks:
        yield block, time.perf_counter() - start
        start = time.perf_counter()


def _refuse_gaps(decision: npt.NDArray[np.float64], test: npt.NDArray[np.int64]) -> None:
    bad = test[~np.isfinite(decision)]
    if len(bad):
        raise InvalidPairsError(
            f"decision_function is not finite for samples {', '.join(map(str, bad[:10]))}; "
            "expected a finite number for each sample, high = normal."
        )
