"""Scores and maps of one run, as the measures take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.evaluation.collect import Run
from ctmri_detect.evaluation.samples import ALL, Samples

Planes = Iterator[tuple[int, npt.NDArray[np.bool_], npt.NDArray[np.floating[Any]]]]


@dataclass(frozen=True)
class Scored:
    """Tested samples of one detector, seed and condition.

    Parameters
    ----------
    target : int array (n,)
        +1 normal, -1 anomalous.
    decision : float64 array (n,)
    patients : int array (n,)
        Codes 0, 1, ...
    fold : int array (n,)
    has_threshold : bool array (n,)
    promised : float
        The false-positive rate that the thresholds were set for.
    planes : callable, default=None
        Each call gives row, mask and map of all samples whose mask is known, from the first
        sample on. None without masks or maps.
    """

    target: npt.NDArray[np.int64]
    decision: npt.NDArray[np.float64]
    patients: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    has_threshold: npt.NDArray[np.bool_]
    promised: float
    planes: Callable[[], Planes] | None = None

    @property
    def n_patients(self) -> int:
        """How many there are."""
        return len(np.unique(self.patients))


def scored(run: Run, samples: Samples, kind: str = ALL) -> Scored:
    """The tested samples of a run: of one kind of anomaly and all normal ones."""
    kinds = samples.frame["kind"].to_numpy()
    chosen = (run.fold >= 0) & ((samples.target == 1) | (kinds == kind) | (kind == ALL))
    rows = np.flatnonzero(chosen)
    place = np.full(len(chosen), -1)
    place[rows] = np.arange(len(rows))

    def planes() -> Planes:
        for sample, plane in run.planes():
            mask = samples.pixel_truth(sample)
            if mask is not None and chosen[sample]:
                yield int(place[sample]), mask, plane

    has_maps = samples.masks is not None and next(run.planes(), None) is not None
    return Scored(
        samples.target[rows],
        run.decision[rows],
        np.unique(samples.frame["patient"].to_numpy().astype(str)[rows], return_inverse=True)[1],
        run.fold[rows],
        run.has_threshold[rows],
        float(np.mean([found.promised for found in run.folds])),
        planes if has_maps else None,
    )


def scored_arrays(
    target: npt.NDArray[np.int64],
    decision: npt.NDArray[np.float64],
    patients: npt.NDArray[np.int64],
    masks: Iterable[npt.NDArray[np.bool_]] | None,
    maps: Iterable[npt.NDArray[np.floating[Any]]] | None,
) -> Scored:
    """Given scores and maps, as one fold."""

    def planes() -> Planes:
        assert masks is not None
        assert maps is not None
        for row, (mask, plane) in enumerate(zip(masks, maps, strict=True)):
            if target[row] == 1 or mask.any():
                yield row, mask, plane

    n, has_maps = len(target), masks is not None and maps is not None
    return Scored(
        target,
        decision,
        patients,
        np.zeros(n, int),
        np.ones(n, bool),
        float("nan"),
        planes if has_maps else None,
    )
