"""The one harness that all detectors are measured by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from ctmri_detect.evaluation.gallery import typical_samples
from ctmri_detect.evaluation.rating import IMAGE_METRICS, Metric, check_metrics
from ctmri_detect.evaluation.run import Map, Run
from ctmri_detect.evaluation.samples import (
    Fold,
    Samples,
    check_detectors,
    check_seeds,
    make_folds,
    read_samples,
)
from ctmri_detect.evaluation.settings import run_settings
from ctmri_detect.evaluation.table import COLUMNS, COSTS, COUNTS, columns_with
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import Route, flat_steps
from ctmri_detect.validation import check_pairs


@dataclass(frozen=True)
class BenchmarkResult:
    """What `benchmark` measured.

    Attributes
    ----------
    table : DataFrame
        One row a detector, kind of anomaly and seed; see `benchmark`.
    scores : DataFrame
        One row a detector, seed and tested sample: detector, seed, fold, sample, patient, slice,
        kind, target, decision, has_threshold. Detectors that failed have none. A decision below 0
        means "called anomalous" only where `has_threshold` is True: a fold with too few healthy
        training slices has no threshold, and its decisions only rank.
    folds : DataFrame
        One row a detector, seed and fold that was measured: n_normal, n_anomalous, image_auroc,
        image_ap and the metrics of your own on this fold's test samples, fit_seconds,
        score_seconds, peak_memory_mb, error (of a metric, or "").
    examples : list of int
        Samples for a gallery, chosen before anything was scored.
    maps : dict of str to dict of int to float16 array (height, width)
        Detector to sample to anomaly map on the caller's grid, first seed: those of `examples`
        and of the detector's own worst misses and false alarms.
    settings : dict of str to str
        What was run, on which versions.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    folds: pd.DataFrame = field(repr=False)
    examples: list[int]
    maps: dict[str, dict[int, Map]] = field(repr=False)
    settings: dict[str, str] = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        hint = " It is named examples now." if name == "cases" else ""
        raise AttributeError(f"BenchmarkResult has no attribute {name!r}.{hint}")


def benchmark(
    detectors: dict[str, Any],
    data: Bunch,
    *,
    cv: Any = None,
    seeds: Sequence[int] = (0,),
    preprocessor: BaseEstimator | None = None,
    metrics: Mapping[str, Metric] | None = None,
    n_examples: int = 12,
    progress: bool = True,
) -> BenchmarkResult:
    """Train each detector on normal samples of some patients, test it on the other patients.

    All detectors see the same folds. With the default folds, every patient is tested once, by a
    model that saw neither this patient nor any anomaly. A detector that fails is a row with its
    error; the others are measured all the same.

    Parameters
    ----------
    detectors : dict of str to estimator
        Detectors, or Pipelines that end in one. They are cloned, and every ``random_state`` in
        them is set to the seed of the run.
    data : Bunch
        `data` (n, 2, height, width), `target` (+1 normal, -1 anomalous), `groups` (patients;
        not needed where `data` are `Pairs` that know them); where they exist,
        `masks` (bool, True = lesion) and `frame` with `kind` and `slice`.
    cv : int, splitter or None, default=None
        None is 2: ``NormalOnlyGroupKFold(2, shuffle=True, random_state=seed)``; another int,
        that many folds (more training data, more time). A splitter is used as it is for every
        seed. Anomalous samples never train, whatever the splitter says.
    seeds : sequence of int, default=(0,)
        One complete run for each; they vary the folds and the detectors.
    preprocessor : transformer, default=None
        Applied once to all samples, before all detectors; it must treat each sample by itself,
        as `make_preprocessor` does, or test samples leak into training. Maps walk back over it.
    metrics : dict of str to callable, default=None
        Metrics of your own: name to ``f(target, decision)``, a number. `target` is +1 normal, -1
        anomalous; `decision` is high = normal, as for the library's image metrics. Both are
        arrays of the samples of a row. Each gives a column. One that raises gives NaN and a text
        in `error` that names it and the detector; everything else is measured all the same.
    n_examples : int, default=12
        Samples whose maps are kept for a gallery; up to a third as many misses and as many false
        alarms of each detector come on top. 0 keeps none.
    progress : bool, default=True
        Show a progress bar on stderr.

    Returns
    -------
    BenchmarkResult
        Its `table` has one row a detector, kind and seed, kind "all" included:

        - n_normal, n_anomalous: tested samples; a kind's anomalous samples stand against *all*
          tested normal ones.
        - image_auroc, image_ap: of the `decision_function`, pooled over folds. Every fold's
          decision is counted from its own `offset_` (the same false-positive rate on healthy
          slices), which is what makes folds comparable; where that is ``-inf``, from the lowest
          held-out score (see `has_threshold` of `scores`: `predict` flags nothing then).
        - pixel_ap: average precision of the pixels of these same samples (the kind's slices and
          all normal ones), on the caller's grid, maps rounded to float16; NaN without masks and
          for detectors that don't localise. Anomalous samples with an empty mask (whole slices:
          artefacts, exchanged planes) are left out. Chance is the share of lesion pixels.
        - the columns of `metrics`, pooled over folds like image_auroc; NaN without normal and
          anomalous samples.
        - fit_seconds: one fit, mean over folds. score_seconds: one pass over all tested samples.
          Maps, where they are needed, come from the same pass. Not in it are the way of the maps
          back to the caller's grid, pixel_ap, and the common preprocessing.
        - peak_memory_mb: largest rise, in MiB, of this process's anonymous resident memory
          during the fit and the scoring of a fold, above its level just before, when free
          memory was handed back. Sampled every 5 ms; blind to child processes, accelerators and
          the pages of memory maps. Without ``/proc``, psutil's resident set, else NaN.
        - error: what went wrong, or "".

    Raises
    ------
    TypeError
        Where `detectors` is no dict of estimators, or `metrics` no dict of functions.
    ValueError
        Where `seeds` is no sequence of different ints of 0 or more, `cv` an int below 2, or a
        metric has the name of another column.
    InvalidPairsError
        Where data lack labels or patients, hold one class only or fewer patients than folds, or
        `cv` splits a patient.

    References
    ----------
    Yagis et al. (2021), Effect of data leakage in brain MRI classification using 2D
    convolutional neural networks, Scientific Reports 11:22544.

    Examples
    --------
    >>> from sklearn.utils import Bunch
    >>> from ctmri_detect import AtlasDetector, ThresholdDetector
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 32, 32)).astype("float32")
    >>> X[::4, 1, 8:12, 6:10] += 5
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> data = Bunch(data=X, target=y, groups=np.arange(64) // 8, masks=None, frame=None)
    >>> detectors = {"atlas": AtlasDetector(), "threshold": ThresholdDetector()}
    >>> result = benchmark(detectors, data, progress=False)
    >>> result.table.loc[result.table.kind == "all", "image_auroc"].tolist()
    [1.0, 1.0]
    """
    detectors = check_detectors(detectors)
    own = check_metrics(metrics, COLUMNS)
    samples = read_samples(data)
    folds = {seed: make_folds(cv, samples, seed) for seed in check_seeds(seeds)}
    chosen = typical_samples(samples, _tested(next(iter(folds.values())), samples), n_examples)
    prepared = _prepared(samples.X, preprocessor)
    rows: list[dict[str, Any]] = []
    fold_rows: list[dict[str, Any]] = []
    scores: list[pd.DataFrame] = []
    maps: dict[str, dict[int, Map]] = {}
    total = len(detectors) * sum(len(f) for f in folds.values())
    with tqdm(total=total, disable=not progress, unit="fold") as bar:
        for name, estimator in detectors.items():
            for seed in folds:
                bar.set_description(name)
                keep = None if name in maps or n_examples < 1 else chosen
                run = Run(samples, prepared, keep, n_examples // 3)
                run.measure(estimator, seed, folds[seed], bar.update)
                rows += run.rows(name, seed, _tested(folds[seed], samples), own)
                fold_rows += run.fold_rows(name, seed, own)
                scores.append(run.scores(name, seed))
                maps.setdefault(name, run.maps)
    by_fold = ["detector", "seed", "fold", *COUNTS, *IMAGE_METRICS, *own, *COSTS, "error"]
    return BenchmarkResult(
        table=pd.DataFrame(rows, columns=columns_with(own)),
        scores=pd.concat(scores, ignore_index=True),
        folds=pd.DataFrame(fold_rows, columns=by_fold),
        examples=chosen,
        maps=maps,
        settings=run_settings(detectors, samples, folds, cv, preprocessor),
    )


def _prepared(X: Pairs, preprocessor: BaseEstimator) -> Route:
    """All pairs through the preprocessing that the detectors share, fitted once."""
    route = Route(X)
    for step in [] if preprocessor is None else flat_steps(clone(preprocessor)):
        after = step.fit_transform(route.X)
        if len(after) != len(X):
            raise InvalidPairsError(
                f"{type(step).__name__} leaves {len(after)} of {len(X)} samples, and a benchmark "
                "measures all of data; expected a preprocessor that keeps them. Leave samples out "
                "of data first: mark them (below_skull_base='mark'), and choose the same rows of "
                "data, target, masks, groups and frame."
            )
        route.add(step, Pairs(after, groups=X.groups, frame=X.frame))
    if preprocessor is not None:
        check_pairs(route.X)
    return route


def _tested(folds: list[Fold], samples: Samples) -> npt.NDArray[np.bool_]:
    tested = np.zeros(len(samples.target), dtype=bool)
    for _, test in folds:
        tested[test] = True
    return tested
