"""All metrics of what has been scored: nothing is fitted again."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pandas as pd

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import GroupsLike, LabelsLike, PlanesLike
from ctmri_detect.evaluation.collect import runs_of
from ctmri_detect.evaluation.map_measures import MAP_MEASURES, map_figures
from ctmri_detect.evaluation.result import BenchmarkResult
from ctmri_detect.evaluation.sample_measures import SAMPLE_MEASURES, Figure, Resampling
from ctmri_detect.evaluation.samples import ALL
from ctmri_detect.evaluation.scored import Scored, scored, scored_arrays
from ctmri_detect.evaluation.store import Store, existing_store
from ctmri_detect.evaluation.written_plan import read_plan
from ctmri_detect.validation import check_decision, check_groups, check_masks, check_target

LEVELS = {name: level for name, (level, _) in SAMPLE_MEASURES.items()} | MAP_MEASURES
"""Name of each metric to its level: image, patient, pixel, region or lesion."""
_FIGURES = ["level", "metric", "value", "low", "high", "n_samples", "n_patients"]


def evaluate(
    results: BenchmarkResult | Store | str | os.PathLike[str],
    *,
    metrics: Collection[str] | None = None,
    kind: str = ALL,
    n_resamples: int = 500,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """Metrics of a stored benchmark at all levels, with intervals over patients.

    Everything comes from the stored decisions and maps, so a metric that you want later needs no
    new training. Maps are read from the store one after the other, never all at once.

    Parameters
    ----------
    results : BenchmarkResult, Store, str or path
        The result or the store of a `benchmark` that had a `store`.
    metrics : collection of str, default=None
        Names of metrics, see Notes; None means all.
    kind : str, default="all"
        Kind of anomaly to compare with all normal samples.
    n_resamples, confidence_level, random_state
        As in `metrics.patient_bootstrap`: percentile bootstrap of whole patients. More resamples
        take more time.

    Returns
    -------
    DataFrame
        One row per detector, seed, condition and metric: detector, seed, condition,
        condition_level, level ("image", "patient", "pixel", "region", "lesion"), metric, value,
        low, high, n_samples, n_patients. The value is NaN where a metric is not defined, such as
        map metrics without maps or masks. low and high are also NaN below three patients. A run
        that failed has no rows.

    Raises
    ------
    ValueError
        For unknown names or kinds, or where the store has no complete benchmark.

    See Also
    --------
    evaluate_scores : The same for arrays of your own.

    Notes
    -----
    Image metrics: auroc, ap, f1_max, aupimo; auroc_inside_patients (mean over patients who have
    normal and anomalous samples); and as a control auroc_of_patient_identity (of a score that
    knows only the patient of each sample: where it is near `auroc`, the detector may only tell
    patients apart). sensitivity and false_positive_rate are at the detector's own threshold;
    promised_false_positive_rate is what this threshold was set for.

    Patient metrics, from the most anomalous sample of each: patient_auroc, patient_ap,
    patient_sensitivity and patient_false_positive_rate (of patients without any anomaly).

    Map metrics: pixel_ap, pixel_auroc, best_dice, dice_at_threshold (1 % of the pixels of healthy
    samples of the *other* folds lie above this threshold; NaN with one fold), aupro,
    lesion_sensitivity_at_1 (at one false positive per sample) and lesion_sensitivity (mean over
    1/8 to 8). Definitions are those of `metrics`. The intervals of pixel metrics are approximate:
    they count each patient's pixels in about a thousand bins of value. The interval of aupimo
    keeps the thresholds fixed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.utils import Bunch
    >>> from ctmri_detect import AtlasDetector
    >>> from ctmri_detect.evaluation import benchmark
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 32, 32)).astype("float32")
    >>> X[::4, 1, 8:12, 6:10] += 5
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> data = Bunch(data=X, target=y, groups=np.arange(64) // 8)
    >>> with TemporaryDirectory() as store:
    ...     _ = benchmark({"atlas": AtlasDetector()}, data, store=store, progress=False)
    ...     table = evaluate(store, metrics=["auroc", "auroc_of_patient_identity"])
    >>> table[["metric", "value", "n_patients"]].values.tolist()
    [['auroc', 1.0, 8], ['auroc_of_patient_identity', 0.5, 8]]
    """
    names, by = _chosen(metrics), Resampling(n_resamples, confidence_level, random_state)
    store = results.store if isinstance(results, BenchmarkResult) else results
    if store is None:
        raise ValueError(
            "The benchmark has no store; expected one with a store. Run benchmark(..., store=...)."
        )
    store = store if isinstance(store, Store) else existing_store(store)
    plan = read_plan(store)
    if kind not in (known := [ALL, *plan.samples.kinds]):
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(known)}.")
    rows = []
    for run in runs_of(plan.cells, store, plan.samples):
        condition, level = run.condition
        common = run.named | {"condition": condition, "condition_level": level}
        if not run.error:
            figures = _rows(scored(run, plan.samples, kind), names, by)
            rows += [common | row for row in figures]
    columns = ["detector", "seed", "condition", "condition_level", *_FIGURES]
    return pd.DataFrame(rows, columns=columns)


def evaluate_scores(
    y: LabelsLike,
    decision: Any,
    groups: GroupsLike,
    *,
    masks: PlanesLike | None = None,
    maps: PlanesLike | None = None,
    metrics: Collection[str] | None = None,
    n_resamples: int = 500,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """Metrics of given scores and maps, with intervals over patients.

    Parameters
    ----------
    y : array-like of shape (n,)
        +1 normal, -1 anomalous.
    decision : array-like of shape (n,)
        High = normal, below 0 = flagged.
    groups : array-like of shape (n,)
        The patient of each sample.
    masks : bool array (n, height, width), default=None
        True = lesion.
    maps : float array (n, height, width), default=None
        High = anomalous; NaN = not observed.
    metrics, n_resamples, confidence_level, random_state
        As in `evaluate`.

    Returns
    -------
    DataFrame
        level, metric, value, low, high, n_samples, n_patients.

    Raises
    ------
    InvalidPairsError
        For lengths or shapes that don't agree, or infinity in a map.
    ValueError
        For unknown names of metrics.

    Examples
    --------
    >>> patient = np.repeat(np.arange(20), 2)
    >>> y = np.where(patient % 2, -1, 1)
    >>> decision = y + np.random.default_rng(0).normal(size=40)
    >>> table = evaluate_scores(y, decision, patient, metrics=["auroc"])
    >>> bool(0.8 < table["low"][0] < table["value"][0] < table["high"][0])
    True
    """
    names, by = _chosen(metrics), Resampling(n_resamples, confidence_level, random_state)
    decision = check_decision(decision)
    target = check_target(y, len(decision))
    codes = check_groups(groups, len(decision))
    planes: Any = None if maps is None else plain_array(maps)
    known = None if masks is None or maps is None else check_masks(masks, np.shape(planes))
    data = scored_arrays(target, decision, codes, known, planes)
    return pd.DataFrame(_rows(data, names, by), columns=_FIGURES)


def _chosen(metrics: Collection[str] | None) -> list[str]:
    if metrics is None:
        return list(LEVELS)
    unknown = [name for name in metrics if name not in LEVELS]
    if isinstance(metrics, str) or unknown:
        raise ValueError(f"metrics is {metrics!r}; expected some of {', '.join(LEVELS)}.")
    return [name for name in LEVELS if name in metrics]


def _rows(data: Scored, names: list[str], by: Resampling) -> Iterator[dict[str, Any]]:
    nothing = Figure(float("nan"))
    of_maps = {} if data.planes is None else dict(map_figures(data, by, {*names}))
    for name in names:
        if name in SAMPLE_MEASURES:
            figure = SAMPLE_MEASURES[name][1](data, by)
        else:
            figure = of_maps.get(name, nothing)
        row = {"level": LEVELS[name], "metric": name, **vars(figure)}
        yield row | {"n_samples": len(data.target), "n_patients": data.n_patients}
