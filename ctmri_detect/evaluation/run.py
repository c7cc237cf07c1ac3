"""One detector and one seed through all folds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.evaluation.cases import Cases, Fold
from ctmri_detect.evaluation.fitting import Prepared, fit_with_groups, localizes, seeded_clone
from ctmri_detect.evaluation.gallery import worst_cases
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.evaluation.pixels import PixelCounts
from ctmri_detect.evaluation.table import metric_rows
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.localization import decisions

Map = npt.NDArray[np.float16]


class Run:
    """One detector and seed through all folds; `keep` are the samples whose maps stay."""

    def __init__(
        self, cases: Cases, prepared: Prepared, keep: list[int] | None, n_worst: int
    ) -> None:
        self.cases, self.prepared, self.keep, self.n_worst = cases, prepared, keep, n_worst
        self.decision = np.full(len(cases.target), np.nan)
        self.fold = np.full(len(cases.target), -1)
        self.pixels: PixelCounts | None = None
        self.maps: dict[int, Map] = {}
        self.fit_seconds: list[float] = []
        self.score_seconds: list[float] = []
        self.memory_mb: list[float] = []
        self.error = ""

    def measure(
        self, estimator: Any, seed: int, folds: list[Fold], tick: Callable[[int], object]
    ) -> None:
        """Fit and score fold by fold; an error ends this run, not the benchmark."""
        index = 0
        try:
            for index, (train, test) in enumerate(folds):
                self.fold[test] = index
                fitted = self._fit_and_score(seeded_clone(estimator, seed), train, test)
                self._localise(fitted, test)
                tick(1)
        except Exception as error:  # any detector's any failure becomes its row
            self.error = f"{type(error).__name__}: {error}"
            self.maps = {}
            tick(len(folds) - index)

    def _fit_and_score(self, estimator: Any, train: Any, test: Any) -> Any:
        X, X_test = self.prepared.X[train], self.prepared.X[test]
        with PeakMemory() as memory:
            start = time.perf_counter()
            fit_with_groups(estimator, X, self.cases.target[train], self.cases.groups[train])
            fitted = time.perf_counter()
            decision = decisions(estimator, X_test)
            end = time.perf_counter()
        if decision.shape != test.shape or not np.isfinite(decision).all():
            bad = test[~np.isfinite(decision)] if decision.shape == test.shape else []
            raise InvalidPairsError(
                f"decision_function returned shape {decision.shape}, not finite for samples "
                f"{', '.join(map(str, bad[:10])) or 'unknown'}; expected ({len(test)},) finite "
                "numbers, high = normal."
            )
        self.decision[test] = decision
        self.fit_seconds.append(fitted - start)
        self.score_seconds.append(end - fitted)
        self.memory_mb.append(memory.increase_mb)
        return estimator

    def _localise(self, estimator: Any, test: npt.NDArray[np.int64]) -> None:
        """Count the pixels of a fold's maps, and keep the maps that a gallery needs."""
        wanted = self._gallery()
        rows = test if self.cases.masks is not None else np.intersect1d(test, list(wanted))
        if not localizes(estimator) or not len(rows):
            return
        kinds = self.cases.frame["kind"].to_numpy()
        if self.cases.masks is not None and self.pixels is None:
            self.pixels = PixelCounts()
        for sample, plane in self.prepared.maps(estimator, rows):
            mask = self.cases.pixel_truth(sample)
            if self.pixels is not None and mask is not None:
                self.pixels.add(kinds[sample], mask, plane)
            if sample in wanted:
                self.maps[sample] = plane.astype(np.float16)
        self.maps = {s: m for s, m in self.maps.items() if s in wanted}

    def _gallery(self) -> set[int]:
        """The chosen cases, and the worst ones among what is scored so far."""
        if self.keep is None:
            return set()
        missed, alarms = worst_cases(self.cases.target, self.decision, self.n_worst)
        return {*self.keep, *missed, *alarms}

    def rows(self, name: str, seed: int, tested: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
        """The rows of the table."""
        failed = bool(self.error)
        common = {
            "detector": name,
            "seed": seed,
            "fit_seconds": float("nan") if failed else float(np.mean(self.fit_seconds)),
            "score_seconds": float("nan") if failed else float(np.sum(self.score_seconds)),
            "peak_memory_mb": float("nan") if failed else float(np.max(self.memory_mb)),
            "error": self.error,
        }
        decision = None if failed else self.decision
        return [common | row for row in metric_rows(self.cases, tested, decision, self.pixels)]

    def scores(self, name: str, seed: int) -> pd.DataFrame:
        """The decision of every tested sample; none where the detector failed."""
        frame = self.cases.frame.assign(decision=self.decision, fold=self.fold, seed=seed)
        frame.insert(0, "detector", name)
        order = ["detector", "seed", "fold", *self.cases.frame.columns, "decision"]
        return frame.loc[(self.fold >= 0) & (not self.error), order]
