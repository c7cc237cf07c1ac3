"""The checks that every benchmark runs on its detectors and on their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.frozen import FrozenEstimator

from ctmri_detect.detectors import AtlasDetector, ThresholdDetector
from ctmri_detect.evaluation.cells import AS_THEY_ARE, Cell
from ctmri_detect.evaluation.collect import Run, runs_of
from ctmri_detect.evaluation.gates import check_not_seen, warn_if_labels_look_mirrored
from ctmri_detect.evaluation.measure import Ground
from ctmri_detect.evaluation.orientation import check_orientation
from ctmri_detect.evaluation.store import Store
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pipelines import last_step

_MOST = 40  # maps that are looked at


def refuse_seen(
    detectors: Mapping[str, Any], ground: Ground, tested: npt.NDArray[np.bool_]
) -> None:
    """Refuse fitted models that have seen any test sample, or its patient.

    Raises
    ------
    InvalidPairsError
    """
    rows = np.flatnonzero(tested)
    patients = np.asarray(ground.samples.X.groups)[rows]
    for name, estimator in detectors.items():
        parts = [estimator, *(step for _, step in getattr(estimator, "steps", []))]
        if any(isinstance(part, FrozenEstimator) for part in parts):
            try:
                check_not_seen(estimator, ground.prepared.X[rows], patients)
            except InvalidPairsError as error:
                raise InvalidPairsError(f"detectors[{name!r}]: {error}") from None


def check_runs(
    cells: Sequence[Cell], store: Store, ground: Ground, detectors: Mapping[str, Any]
) -> None:
    """Check the orientation of maps and the sign of labels, in the runs of the first seed.

    Raises
    ------
    InvalidPairsError
        Where maps fit their images clearly better in another orientation.

    Warns
    -----
    LabelsWarning
        Where both baselines rank the samples the wrong way round.
    """
    first = [c for c in cells if c.seed == cells[0].seed and c.condition == AS_THEY_ARE]
    baselines: dict[str, Any] = {}
    for run in runs_of(first, store, ground.samples):
        name = run.cells[0].detector
        if run.error:
            continue
        _check_maps(run, ground)
        if isinstance(last_step(detectors[name]), AtlasDetector | ThresholdDetector):
            baselines[name] = run.decision
        tested = run.fold >= 0
    if baselines:
        target, groups = ground.samples.target, ground.samples.frame["patient"].to_numpy()
        decisions = {name: decision[tested] for name, decision in baselines.items()}
        warn_if_labels_look_mirrored(target[tested], decisions, groups[tested])


def _check_maps(run: Run, ground: Ground) -> None:
    samples = ground.samples
    tested = np.flatnonzero(run.fold >= 0)
    if samples.masks is not None:
        marked = [s for s in tested if samples.masks[s].any()]
        tested = np.array(marked or tested)
    rows = tested[np.unique(np.linspace(0, len(tested) - 1, _MOST).astype(int))]
    found = {sample: plane for sample, plane in run.planes() if sample in set(rows.tolist())}
    if not found:
        return
    seen = ~np.isnan(np.asarray(ground.prepared.X[rows])).all(axis=1)
    observed = ~np.isnan(ground.prepared.back(np.where(seen, np.float32(0), np.nan), rows))
    masks = None if samples.masks is None else np.stack([samples.masks[row] for row in rows])
    maps = np.stack([found[row] for row in rows.tolist()]).astype(np.float32)
    try:
        check_orientation(maps, observed, masks, samples.frame["patient"].to_numpy()[rows])
    except InvalidPairsError as error:
        raise InvalidPairsError(f"Maps of {run.cells[0].detector}: {error}") from None
