"""Maps of a detector, a Pipeline or a search object, on the caller's grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._arrays import plain_array
from ctmri_detect.base import DETECTED, BasePairedDetector, joined
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pipelines import flat_steps
from ctmri_detect.scoring import region_table


def anomaly_map(estimator: Any, X: Any) -> npt.NDArray[np.float32]:
    """Where each sample deviates, on the grid of `X`.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
    X : array-like of shape (n_samples, 2, height, width)
        What the estimator's first step takes.

    Returns
    -------
    float32 array (n_samples, height, width)
        High = anomalous; NaN where neither plane was observed.

    Raises
    ------
    TypeError
        Where the last step is no detector of this library.
    InvalidPairsError
        Where a step changes the grid or the number of samples, and has no
        `inverse_transform_map` to take maps back. A step that moves pixels on the same grid (a
        flip) can't be noticed.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 32, 32))
    >>> anomaly_map(AtlasDetector().fit(X, groups=range(20)), X).shape
    (20, 32, 32)
    """
    return _localise(estimator, X, "anomaly_map")


def residual_map(estimator: Any, X: Any) -> npt.NDArray[np.float32]:
    """The detector's residuals ``(n_samples, 2, height, width)`` on the grid of `X`.

    Takes what `anomaly_map` takes.
    """
    return _localise(estimator, X, "residual_map")


def explain(estimator: Any, X: Any, *, threshold: float = 3.0, spacing: Any = None) -> Bunch:
    """Which modality deviates, where and in which direction, on the grid of `X`.

    Takes what `anomaly_map` takes, and `threshold` and `spacing` as the detector's own
    ``explain`` does.

    Returns
    -------
    Bunch
        `z_maps` (float32 ``(n, 2, height, width)``) and `regions` (DataFrame).
    """
    maps = _localise(estimator, X, "z_maps")
    return Bunch(z_maps=maps, regions=region_table(maps, threshold=threshold, spacing=spacing))


def iter_detect(estimator: Any, X: Any, *, threshold: float = 3.0) -> Iterator[Bunch]:
    """Everything about each block of samples, maps on the grid of `X`, from one pass.

    Takes what `anomaly_map` takes, and `threshold` as the detector's own ``iter_detect`` does.

    Yields
    ------
    Bunch
        What the detector's ``iter_detect`` yields; `anomaly_map`, `z_maps` and `regions` on the
        grid of `X`.
    """
    steps, detector = walk(estimator)
    inputs, prepared = prepare(steps, X)
    for block in detector.iter_detect(prepared, threshold=threshold):
        for name in ("anomaly_map", "z_maps"):
            block[name] = walk_back(block[name], steps, inputs, block.samples)
        if steps:
            regions = region_table(block.z_maps, threshold=threshold)
            block.regions = regions.assign(sample=block.samples[regions["sample"]])
        yield block


def detect(
    estimator: Any, X: Any, *, include: Sequence[str] = DETECTED, threshold: float = 3.0
) -> Bunch:
    """Everything about all samples, maps on the grid of `X`, from one pass.

    Takes what `anomaly_map` takes; `include` and `threshold` as the detector's own ``detect``.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from ctmri_detect import AtlasDetector
    >>> from ctmri_detect.preprocessing import Resize
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 32, 32))
    >>> model = make_pipeline(Resize(16), AtlasDetector()).fit(X, atlasdetector__groups=range(20))
    >>> found = detect(model, X, include=["prediction", "anomaly_map"])
    >>> found.prediction.shape, found.anomaly_map.shape
    ((20,), (20, 32, 32))
    """
    return joined(iter_detect(estimator, X, threshold=threshold), include)


def last_step(estimator: Any) -> Any:
    """The detector at the end of a Pipeline or inside a fitted search object."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        else:
            return estimator


def decisions(estimator: Any, X: Any) -> npt.NDArray[np.float64]:
    """`decision_function`, finite also where there were too few slices for a threshold.

    Where the detector's `offset_` is ``-inf``, scores are counted from the lowest held-out one, the
    strictest threshold that those slices can give.
    """
    detector = last_step(estimator)
    if not np.isneginf(getattr(detector, "offset_", 0.0)):
        return np.asarray(estimator.decision_function(X), dtype=np.float64)
    return np.asarray(estimator.score_samples(X) - strictest_offset(detector))


def strictest_offset(detector: BasePairedDetector) -> float:
    """`offset_`, or the lowest held-out score where there were too few slices for a threshold."""
    scores = detector.map_scoring_.calibration_scores_
    return float(scores.min() if np.isneginf(detector.offset_) else detector.offset_)


def ct_units_taken(estimator: Any) -> str | None:
    """The units that an estimator's preprocessing takes; None where no step says it."""
    parameters = getattr(estimator, "best_estimator_", estimator).get_params()
    named = {str(v) for k, v in parameters.items() if k.split("__")[-1] in ("ct_units", "units")}
    units = named & {"hu", "uint8"}
    return units.pop() if len(units) == 1 else None


def _localise(estimator: Any, X: Any, verb: str) -> npt.NDArray[np.float32]:
    steps, detector = walk(estimator)
    inputs, prepared = prepare(steps, X)
    return walk_back(getattr(detector, verb)(prepared), steps, inputs)


def prepare(steps: list[Any], X: Any) -> tuple[list[Any], Any]:
    """The inputs of steps that move pixels, for `walk_back`, and what the detector is given."""
    X = X if hasattr(X, "shape") else np.asarray(plain_array(X))
    inputs = []
    for step in steps:
        inputs.append(X if hasattr(step, "inverse_transform_map") else None)
        X = _transformed(step, X)
    return inputs, X


def walk_back(
    maps: Any, steps: list[Any], inputs: list[Any], samples: Any = None
) -> npt.NDArray[np.float32]:
    """Maps of some samples (None: of all), taken from the detector's grid to the caller's."""
    for step, before in zip(reversed(steps), reversed(inputs), strict=True):
        if before is not None:
            maps = step.inverse_transform_map(maps, before if samples is None else before[samples])
    return np.asarray(maps)


def _transformed(step: Any, X: Any) -> Any:
    """What a step makes of X; refused where maps could not be taken back over it."""
    out = step.transform(X)
    before, after = np.shape(X), np.shape(out)
    if hasattr(step, "inverse_transform_map"):
        before, after = before[:1], after[:1]
    if len(after) and before != after:
        raise InvalidPairsError(
            f"{type(step).__name__} makes shape {np.shape(out)} of {np.shape(X)}, so maps can't be "
            "given on the grid of X; expected a step that keeps samples and grid, or that has "
            "inverse_transform_map(maps, X). Use the steps of ctmri_detect.preprocessing, or put "
            "this one before the Pipeline and ask for maps of what it returns."
        )
    return out


def walk(estimator: Any) -> tuple[list[Any], BasePairedDetector]:
    """The transformers, in order, and the detector."""
    if hasattr(estimator, "best_estimator_"):
        return walk(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        before: list[Any] = []
        for _, step in estimator.steps[:-1]:
            before.extend(flat_steps(step))
        inner, detector = walk(estimator.steps[-1][1])
        return before + inner, detector
    if hasattr(estimator, "best_score_") or isinstance(estimator, BaseSearchCV):
        raise TypeError(
            f"{type(estimator).__name__} has no best_estimator_; expected a fitted search with "
            "refit=True. Fit it first."
        )
    if not isinstance(estimator, BasePairedDetector):
        raise TypeError(
            f"The last step is {type(estimator).__name__}; expected a detector of ctmri_detect, "
            "which has maps. Put one at the end of the Pipeline."
        )
    return [], estimator
