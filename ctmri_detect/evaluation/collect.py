"""From the results of cells to the tables of a benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ctmri_detect._warnings import warn_user
from ctmri_detect.evaluation.cells import AS_THEY_ARE, COSTS, Cell, Map, Measured
from ctmri_detect.evaluation.gallery import worst_samples
from ctmri_detect.evaluation.pixels import PixelCounts
from ctmri_detect.evaluation.rating import IMAGE_METRICS, Metric
from ctmri_detect.evaluation.result import BenchmarkResult
from ctmri_detect.evaluation.samples import ALL, Samples
from ctmri_detect.evaluation.store import Store
from ctmri_detect.evaluation.table import COUNTS, columns_with, image_row, metric_rows
from ctmri_detect.exceptions import DetectorFailedWarning


class Run:
    """All folds of one detector, seed and condition."""

    def __init__(self, cells: Sequence[Cell], store: Store, samples: Samples) -> None:
        self.cells, self.store, self.samples = cells, store, samples
        self.folds = [self._read(cell) for cell in cells]
        self.error = next((fold.error for fold in self.folds if fold.error), "")
        n = len(samples.target)
        self.decision, self.fold = np.full(n, np.nan), np.full(n, -1)
        self.has_threshold = np.ones(n, dtype=bool)
        for cell, found in zip(cells, self.folds, strict=True):
            self.fold[found.samples] = cell.fold
            self.decision[found.samples] = found.decision
            self.has_threshold[found.samples] = found.has_threshold

    @property
    def named(self) -> dict[str, Any]:
        """The columns that say which run this is."""
        first = self.cells[0]
        return {"detector": first.detector, "seed": first.seed}

    @property
    def condition(self) -> tuple[str, float]:
        """Name and level."""
        return self.cells[0].condition, self.cells[0].level

    def _read(self, cell: Cell) -> Measured:
        found = self.store.get(cell)
        if found is None:
            raise ValueError(
                f"The store has no result of {cell.detector}, seed {cell.seed}, fold {cell.fold}. "
                "Call benchmark with this store again: it computes what is missing."
            )
        return found

    def rows(self, own: Mapping[str, Metric]) -> list[dict[str, Any]]:
        """The rows of the table."""
        tested = self.fold >= 0
        if self.error:
            common = self.named | dict.fromkeys(COSTS, float("nan"))
            rows = metric_rows(self.samples, tested, None, None, own, self.cells[0].detector)
        else:
            fit, score, memory = (np.array([f.costs[c] for f in self.folds]) for c in COSTS)
            totals = (float(fit.mean()), float(score.sum()), float(memory.max()))
            common = self.named | dict(zip(COSTS, totals, strict=True))
            rows = metric_rows(
                self.samples, tested, self.decision, self._pixels(), own, self.cells[0].detector
            )
        return [{**common, **row, "error": self.error or row["error"]} for row in rows]

    def planes(self) -> Iterator[tuple[int, Map]]:
        """The number and the map of each tested sample; nothing where there are no maps."""
        for cell, found in zip(self.cells, self.folds, strict=True):
            samples = iter(found.samples.tolist())
            for block in self.store.maps(cell):
                for plane in block:
                    yield next(samples), plane

    def _pixels(self) -> PixelCounts | None:
        if self.samples.masks is None:
            return None
        counts, kinds, has_maps = PixelCounts(), self.samples.frame["kind"].to_numpy(), False
        for sample, plane in self.planes():
            mask, has_maps = self.samples.pixel_truth(sample), True
            if mask is not None:
                counts.add(kinds[sample], mask, plane)
        return counts if has_maps else None

    def fold_rows(self, own: Mapping[str, Metric]) -> list[dict[str, Any]]:
        """One row per fold that was measured."""
        target, rows = self.samples.target, []
        for cell, found in zip(self.cells, self.folds, strict=True):
            if found.error:
                continue
            used = self.fold == cell.fold
            row = self.named | {"fold": cell.fold}
            row |= {"n_normal": int((target[used] == 1).sum())}
            row |= {"n_anomalous": int((target[used] == -1).sum())}
            row |= image_row(target, self.decision, used, own, cell.detector)
            rows.append(row | found.costs)
        return rows

    def scores(self) -> pd.DataFrame:
        """The decision of every tested sample; none where the detector failed."""
        frame = self.samples.frame.assign(
            decision=self.decision, has_threshold=self.has_threshold, fold=self.fold, **self.named
        )
        order = ["detector", "seed", "fold", *self.samples.frame.columns]
        kept = (self.fold >= 0) & (not self.error)
        return frame.loc[kept, [*order, "decision", "has_threshold"]]

    def gallery(self, chosen: Sequence[int], n_worst: int) -> dict[int, Map]:
        """Maps of chosen samples, and of the worst misses and false alarms."""
        if self.error:
            return {}
        missed, alarms = worst_samples(self.samples.target, self.decision, n_worst)
        wanted = {*chosen, *missed, *alarms}
        return {sample: plane.copy() for sample, plane in self.planes() if sample in wanted}


def runs_of(cells: Sequence[Cell], store: Store, samples: Samples) -> list[Run]:
    """One run for each detector, seed and condition of the cells, in the given order."""
    gathered: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        place = cell.detector, cell.seed, cell.condition, cell.level
        gathered.setdefault(place, []).append(cell)
    return [Run(each, store, samples) for each in gathered.values()]


def collect(
    store: Store,
    cells: Sequence[Cell],
    samples: Samples,
    own: Mapping[str, Metric],
    chosen: list[int],
    n_worst: int,
    settings: dict[str, str],
) -> BenchmarkResult:
    """The tables of a benchmark whose cells have all run."""
    runs = runs_of(cells, store, samples)
    plain = [run for run in runs if run.condition[0] == AS_THEY_ARE]
    rows = {id(run): run.rows(own) for run in runs}
    maps: dict[str, dict[int, Map]] = {}
    for run in plain:
        name = run.named["detector"]
        if name not in maps:  # of the first seed
            maps[name] = run.gallery(chosen, n_worst) if chosen else {}
    conditions = [
        dict(zip(("condition", "level"), run.condition, strict=True)) | row
        for run in runs
        for row in rows[id(run)]
        if row["kind"] == ALL
    ]
    columns = columns_with(own)
    by_fold = ["detector", "seed", "fold", *COUNTS, *IMAGE_METRICS, *own, *COSTS, "error"]
    return BenchmarkResult(
        table=pd.DataFrame([row for run in plain for row in rows[id(run)]], columns=columns),
        scores=pd.concat([run.scores() for run in plain], ignore_index=True),
        folds=pd.DataFrame([row for run in plain for row in run.fold_rows(own)], columns=by_fold),
        examples=chosen,
        maps=maps,
        settings=settings,
        conditions=pd.DataFrame(conditions, columns=["condition", "level", *columns]),
    )


def warn_failed(result: BenchmarkResult) -> None:
    """Name the detectors that failed somewhere, and the first error of each."""
    rows = result.conditions
    failed = rows[rows["error"] != ""].groupby("detector", sort=False)["error"].first()
    if len(failed):
        each = "; ".join(f"{name}: {error}" for name, error in failed.items())
        warn_user(
            f"{len(failed)} of {rows['detector'].nunique()} detectors failed, so results of them "
            f"are missing ({each}). The column `error` of the tables says where. With store=, "
            "the same call computes only these again.",
            DetectorFailedWarning,
        )
