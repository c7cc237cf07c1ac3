"""What a benchmark measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ctmri_detect.evaluation.cells import Map
from ctmri_detect.evaluation.store import Store


@dataclass(frozen=True)
class BenchmarkResult:
    """What `benchmark` measured.

    Attributes
    ----------
    table : DataFrame
        One row per detector, kind of anomaly and seed; see `benchmark`.
    scores : DataFrame
        One row per detector, seed and tested sample: detector, seed, fold, sample, patient, slice,
        kind, target, decision, has_threshold. Detectors that failed have none. A decision below 0
        means "flagged" only where `has_threshold` is True: a fold with too few healthy training
        slices has no threshold, and its decisions only rank.
    folds : DataFrame
        One row per detector, seed and fold that was measured: n_normal, n_anomalous, image_auroc,
        image_ap and the metrics of your own on this fold's test samples, fit_seconds,
        score_seconds, peak_memory_mb, error (of a metric, or "").
    examples : list of int
        Samples for a gallery, chosen before anything was scored.
    maps : dict of str to dict of int to float16 array (height, width)
        Detector to sample to anomaly map, first seed, on the grid of the data as they were given:
        the maps of `examples` and of the detector's own worst misses and false alarms.
    settings : dict of str to str
        What was run, on which versions.
    conditions : DataFrame
        One row per detector, seed and condition, all kinds together: condition ("" for unchanged
        samples), level, and the columns of `table`.
    store : Store or None
        The results of the cells; None where nothing was kept.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.utils import Bunch
    >>> from ctmri_detect import ThresholdDetector
    >>> from ctmri_detect.evaluation import benchmark
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 16, 16))
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> data = Bunch(data=X, target=y, groups=np.arange(64) // 8)
    >>> result = benchmark({"threshold": ThresholdDetector()}, data, progress=False)
    >>> len(result.scores), len(result.folds)  # each sample is tested once, in one of two folds
    (64, 2)
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    folds: pd.DataFrame = field(repr=False)
    examples: list[int]
    maps: dict[str, dict[int, Map]] = field(repr=False)
    settings: dict[str, str] = field(repr=False)
    conditions: pd.DataFrame = field(repr=False)
    store: Store | None = field(default=None, repr=False)

    def __getattr__(self, name: str) -> Any:
        hint = " It is named examples now." if name == "cases" else ""
        raise AttributeError(f"BenchmarkResult has no attribute {name!r}.{hint}")
