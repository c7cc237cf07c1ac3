"""The one benchmark that measures all detectors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch

from ctmri_detect._threads import threads_allowed
from ctmri_detect.evaluation.collect import collect, warn_failed
from ctmri_detect.evaluation.conditions import Condition, check_conditions
from ctmri_detect.evaluation.gallery import typical_samples
from ctmri_detect.evaluation.measure import Ground
from ctmri_detect.evaluation.pictures import write_pictures
from ctmri_detect.evaluation.plan import plan_jobs
from ctmri_detect.evaluation.pseudonyms import renamed
from ctmri_detect.evaluation.rating import Metric, check_metrics
from ctmri_detect.evaluation.result import BenchmarkResult
from ctmri_detect.evaluation.run import run_jobs
from ctmri_detect.evaluation.samples import (
    Fold,
    Samples,
    check_detectors,
    check_seeds,
    make_folds,
    read_samples,
    told_again,
)
from ctmri_detect.evaluation.sanity import check_runs, refuse_seen
from ctmri_detect.evaluation.settings import run_settings
from ctmri_detect.evaluation.store import Store
from ctmri_detect.evaluation.table import COLUMNS
from ctmri_detect.evaluation.written_plan import write_plan
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import Route, flat_steps
from ctmri_detect.validation import check_pairs


def benchmark(
    detectors: dict[str, Any],
    data: Bunch,
    *,
    cv: Any = None,
    seeds: Sequence[int] = (0,),
    preprocessor: BaseEstimator | None = None,
    metrics: Mapping[str, Metric] | None = None,
    conditions: Sequence[Condition] | None = None,
    store: str | os.PathLike[str] | Store | None = None,
    n_jobs: int | None = None,
    n_threads: int | None = None,
    n_examples: int = 12,
    pseudonyms: bool | str | bytes = False,
    progress: bool = True,
) -> BenchmarkResult:
    """Train each detector on normal samples of some patients, test it on the other patients.

    All detectors see the same folds. With the default folds, every patient is tested once, by a
    model that saw neither this patient nor any anomaly. A detector that fails gets a row with its
    error (and a `DetectorFailedWarning` at the end); the others are still measured.

    Parameters
    ----------
    detectors : dict of str to estimator
        Detectors, or Pipelines that end in one. They are cloned, and every ``random_state`` in
        them is set to the seed of the run.
    data : Bunch
        `data` (n, n_planes, height, width), `target` (+1 normal, -1 anomalous), `groups`
        (patients; not needed where `data` are `Pairs` that know them). Optional: `masks` (bool
        (n, height, width), True = lesion) and `frame` with `kind` and `slice`.
    cv : int, splitter or None, default=None
        Number of folds: ``NormalOnlyGroupKFold(cv, shuffle=True, random_state=seed)``; None is 2.
        More folds give more training data and take more time. A splitter is used as it is for
        every seed. Anomalous samples never train, whatever the splitter says.
    seeds : sequence of int, default=(0,)
        One complete run for each; they vary the folds and the detectors.
    preprocessor : transformer, default=None
        Applied once to all samples, before all detectors (and to the test samples of each
        condition). It must treat each sample by itself, as `make_preprocessor` does, or test
        samples leak into training. Maps are brought back to the grid of `data`.
    metrics : dict of str to callable, default=None
        Metrics of your own: name to ``f(target, decision)``, a number. `target` is +1 normal, -1
        anomalous; `decision` is high = normal, as for the library's image metrics. Both are
        arrays of the samples of a row. Each gives a column. One that raises gives NaN and a text
        in `error` that names it and the detector; everything else is still measured.
    conditions : sequence of Condition, default=None
        Conditions under which the detectors are measured as well, such as
        ``[Noise(0.05), Noise(0.1)]``: changes of the test samples (`Noise`, `BiasField`,
        `Misregistration`, `SliceThickness`, `MissingModality`), which share one fit, or of the
        training samples (`TrainingPatients`, `Contamination`); see `Condition`.
    store : str, path or Store, default=None
        A folder that keeps the result of each cell (detector, seed, condition, fold): decisions,
        and maps on the grid of `data`. An interrupted benchmark continues where it stopped, and
        one with more detectors computes only what is new. A cell is computed again if anything
        changes that it depends on: parameters, data, number of threads, sources or versions; or
        if its detector failed. None keeps nothing.
    n_jobs : int, default=None
        How many fits run at once, through joblib: None is 1, -1 all cores. Inside
        ``joblib.parallel_config(backend="dask")`` and the like, all machines must see the folder
        of `store`. Memory is measured in each process by itself.
    n_threads : int, default=None
        Threads of each fit; fixed, so that times can be compared. None divides the allowed
        threads among the fits that run at once.
    n_examples : int, default=12
        Samples whose maps are kept for a gallery. For each detector, up to a third as many misses
        and as many false alarms are added. 0 keeps none.
    pseudonyms : bool, str or bytes, default=False
        Whether tables, store and report show salted hashes, new at each call, in place of the
        names of patients. No result changes, and no cell is computed again. A key gives the names
        of `datasets.pseudonym`, the same at each call and on each machine; intervals may then
        differ in their last digits, because they depend on the order of names. An error whose
        text quotes a name (of three characters or more) is stored without it.
    progress : bool, default=True
        Show a progress bar on stderr.

    Returns
    -------
    BenchmarkResult
        Its `table` has one row per detector, kind and seed, kind "all" included:

        - n_normal, n_anomalous: tested samples. The anomalous samples of a kind are compared with
          *all* tested normal ones.
        - image_auroc, image_ap: of the `decision_function`, pooled over folds. Folds can be
          compared because each subtracts its own `offset_` (the same false-positive rate on
          healthy slices). Where that is ``-inf``, the lowest held-out score is subtracted (see
          `has_threshold` of `scores`: `predict` flags nothing then).
        - pixel_ap: average precision of the pixels of these same samples (the kind's slices and
          all normal ones), on the grid of `data`, maps rounded to float16; NaN without masks and
          for detectors without maps. Anomalous samples with an empty mask (whole slices:
          artefacts, exchanged planes) are left out. Chance is the share of lesion pixels.
        - the columns of `metrics`, pooled over folds like image_auroc; NaN without normal and
          anomalous samples.
        - fit_seconds: one fit, mean over folds. score_seconds: one pass over all tested samples,
          with the maps where they are needed. It leaves out the common preprocessing, bringing
          maps back to the grid of `data`, and pixel_ap.
        - peak_memory_mb: largest rise, in MiB, of this process's anonymous resident memory
          during the fit and the scoring of a fold, above its level just before. Sampled every
          5 ms; child processes, accelerators and the pages of memory maps are not counted.
          Without ``/proc``, psutil's resident set, else NaN.
        - error: what went wrong, or "".

    Raises
    ------
    TypeError
        Where `detectors` is no dict of estimators, or `metrics` no dict of functions.
    ValueError
        Where `seeds` is no sequence of different ints of 0 or more, `cv` an int below 2, or a
        metric has the name of another column.
    InvalidPairsError
        Where data lack labels or patients, have only one class or fewer patients than folds, or
        where `cv` splits a patient.

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
    under = check_conditions(conditions)
    samples = read_samples(data)
    folds = {seed: make_folds(cv, samples, seed) for seed in check_seeds(seeds)}
    tested = {seed: _tested(of_seed, samples) for seed, of_seed in folds.items()}
    chosen = typical_samples(samples, next(iter(tested.values())), n_examples)
    n_worst = n_examples // 3
    n_threads = n_threads or max(1, threads_allowed() // effective_n_jobs(n_jobs))
    wants_maps = store is not None or samples.masks is not None or n_examples > 0
    about, lasting = [n_threads, wants_maps], store is not None
    jobs = plan_jobs(detectors, samples, folds, under, preprocessor, about, lasting)
    key = None if isinstance(pseudonyms, bool) else pseudonyms
    shown, hidden = samples, frozenset[str]()
    if pseudonyms or key is not None:
        shown, hidden = renamed(samples, key)
    settings = run_settings(detectors, samples, folds, cv, preprocessor, n_threads, hidden)
    with _store(store) as kept:
        prepared = _prepared(samples.X, preprocessor)
        ground = Ground(samples, *prepared, wants_maps, n_threads, hidden)
        cells = [cell for job in jobs for cell, _ in job.cells]
        write_plan(kept, cells, shown, chosen, n_worst, settings)
        refuse_seen(detectors, ground, np.logical_or.reduce(list(tested.values())))
        run_jobs(jobs, ground, kept, n_jobs, progress)
        check_runs(cells, kept, ground, detectors)
        result = collect(kept, cells, shown, own, chosen, n_worst, settings)
        warn_failed(result)
        if store is None:
            return result
        write_pictures(kept, result, data, shown.frame["patient"].to_numpy())
        return replace(result, store=kept)


@contextmanager
def _store(given: str | os.PathLike[str] | Store | None) -> Iterator[Store]:
    """The store, or one for the time of the call."""
    if isinstance(given, Store):
        yield given
    elif given is not None:
        yield Store(given)
    else:
        with TemporaryDirectory(prefix="ctmri_detect-") as folder:
            yield Store(folder)


def _prepared(X: Pairs, preprocessor: BaseEstimator) -> tuple[Route, list[BaseEstimator]]:
    """All pairs through the preprocessing that the detectors share, and its fitted steps."""
    route, steps = Route(X), [] if preprocessor is None else flat_steps(clone(preprocessor))
    told = X
    for step in steps:
        frozen = not hasattr(step, "fit_transform")  # a FrozenEstimator has none
        after = step.fit(route.X).transform(route.X) if frozen else step.fit_transform(route.X)
        if len(after) != len(X):
            raise InvalidPairsError(
                f"{type(step).__name__} leaves {len(after)} of {len(X)} samples, but a benchmark "
                "measures all of data; expected a preprocessor that keeps them. Leave samples out "
                "of data first: mark them (below_skull_base='mark'), and choose the same rows of "
                "data, target, masks, groups and frame."
            )
        told = told_again(after, told, X)
        route.add(step, told)
    if preprocessor is not None:
        check_pairs(route.X)
    return route, steps


def _tested(folds: list[Fold], samples: Samples) -> npt.NDArray[np.bool_]:
    tested = np.zeros(len(samples.target), dtype=bool)
    for _, test in folds:
        tested[test] = True
    return tested
