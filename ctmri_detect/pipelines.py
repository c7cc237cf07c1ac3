"""Take pairs through the steps of a Pipeline, and maps back to the grid of the caller's X."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import PairsLike, PlanesLike, StoredArray
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.base.learnt import at_hand
from ctmri_detect.ct_units import CT_UNITS
from ctmri_detect.exceptions import InvalidPairsError

NO_THRESHOLD = "no threshold: too few healthy slices"
"""What is shown in place of normal or anomalous where `has_threshold` is False."""


def flat_steps(step: BaseEstimator | str | None) -> list[BaseEstimator]:
    """The transformers in order, without steps that are None or "passthrough"."""
    if step is None or step == "passthrough":
        return []
    if isinstance(step, Pipeline):
        return [inner for _, each in step.steps for inner in flat_steps(each)]
    if isinstance(step, FrozenEstimator):  # each inner step stays frozen
        return [FrozenEstimator(inner) for inner in flat_steps(step.estimator)]
    return [step]


def last_step(estimator: BaseEstimator) -> BaseEstimator:
    """The estimator at the end of a Pipeline, in a fitted search or in a FrozenEstimator."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        else:
            return estimator


def steps_and_last(estimator: BaseEstimator) -> tuple[list[BaseEstimator], BaseEstimator]:
    """The transformers, in order, and the last step of a fitted Pipeline, search or estimator.

    Raises
    ------
    TypeError
        If a search is not fitted.
    """
    if isinstance(estimator, FrozenEstimator):
        return steps_and_last(estimator.estimator)
    if hasattr(estimator, "best_estimator_"):
        return steps_and_last(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        before = [each for _, step in estimator.steps[:-1] for each in flat_steps(step)]
        inner, last = steps_and_last(estimator.steps[-1][1])
        return before + inner, last
    if hasattr(estimator, "refit"):  # a search object
        raise TypeError(
            f"{type(estimator).__name__} has no best_estimator_; expected a fitted search with "
            "refit=True. Fit it first."
        )
    return [], estimator


def unwrapped(estimator: BaseEstimator) -> tuple[list[BaseEstimator], BasePairedDetector]:
    """The transformers, in order, and the detector of a fitted Pipeline, search or detector.

    Raises
    ------
    TypeError
        If the last step is no detector of this library, or a search is not fitted.
    """
    steps, detector = steps_and_last(estimator)
    if not isinstance(detector, BasePairedDetector):
        raise no_maps(detector)
    return steps, detector


def no_maps(last: BaseEstimator) -> TypeError:
    """The error for an estimator whose last step has no maps."""
    return TypeError(
        f"The last step is {type(last).__name__}; expected a detector of ctmri_detect, "
        "which has maps. Put one at the end of the Pipeline."
    )


class _Move(NamedTuple):
    """A step that moves pixels, its input, and what it learnt of each sample."""

    step: BaseEstimator
    before: StoredArray
    learnt: Sequence[Any]

    def of(
        self, samples: Sequence[int] | npt.NDArray[np.int64] | None
    ) -> tuple[StoredArray, list[Any]]:
        """The step's input and what it learnt, of these samples (None: all)."""
        if samples is None:
            return self.before, list(self.learnt)
        rows = np.asarray(samples)
        learnt = [self.learnt[row] for row in rows] if self.learnt else []
        if len(rows) and rows[0] >= 0 and (np.diff(rows) == 1).all():  # a slice copies nothing
            return self.before[int(rows[0]) : int(rows[-1]) + 1], learnt
        return self.before[samples], learnt


class Route:
    """Takes pairs through steps, and maps back to the grid of the caller's pairs.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_planes, height, width)
        The caller's pairs.

    Attributes
    ----------
    X : array-like
        The output of the last step.

    Examples
    --------
    >>> from ctmri_detect.preprocessing import Resize
    >>> route = Route(np.zeros((3, 2, 32, 32))).walk([Resize(16)])
    >>> route.X.shape, route.back(np.zeros((3, 16, 16))).shape
    ((3, 2, 16, 16), (3, 32, 32))
    """

    def __init__(self, X: PairsLike) -> None:
        given = plain_array(X)
        self.X: StoredArray = given if hasattr(given, "shape") else np.asarray(given)
        self._moves: list[_Move] = []

    def add(self, step: BaseEstimator, after: StoredArray, learnt: Sequence[Any] = ()) -> None:
        """Note that `step` turned the present X into `after`, and what it learnt of each sample."""
        if hasattr(step, "inverse_transform_map"):
            self._moves.append(_Move(step, self.X, learnt))
        self.X = after

    def walk(self, steps: Iterable[BaseEstimator]) -> Self:
        """Transform X by fitted steps; returns self.

        Raises
        ------
        InvalidPairsError
            If a step changes the grid or the number of samples, and can't take maps back.
        """
        for step in steps:
            learnt: list[Any] = []
            with at_hand(last_step(step), learnt):
                after = step.transform(self.X)
            _refuse_lost_grid(step, np.shape(self.X), np.shape(after))
            self.add(step, after, learnt)
        return self

    def back(
        self, maps: PlanesLike, samples: Sequence[int] | npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.float32]:
        """Maps of these samples (None: all) on the grid of the caller's X."""
        for move in reversed(self._moves):
            before, learnt = move.of(samples)
            with at_hand(last_step(move.step), learnt):
                maps = move.step.inverse_transform_map(maps, before)
        return np.asarray(maps)


def walk(estimator: BaseEstimator, X: PairsLike) -> tuple[Route, BasePairedDetector]:
    """The route of `X` through a fitted estimator's steps, and the detector at its end.

    Raises
    ------
    TypeError
        As `unwrapped`.
    InvalidPairsError
        As `Route.walk`.
    """
    steps, detector = unwrapped(estimator)
    return Route(X).walk(steps), detector


def _refuse_lost_grid(step: BaseEstimator, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    checked = 1 if hasattr(step, "inverse_transform_map") else None
    if len(after) and before[:checked] != after[:checked]:
        raise InvalidPairsError(
            f"{type(step).__name__} turns shape {before} into {after}, so maps can't be "
            "given on the grid of X; expected a step that keeps samples and grid, or that has "
            "inverse_transform_map(maps, X). Use the steps of ctmri_detect.preprocessing, or apply "
            "this one before the Pipeline and ask for maps of what it returns."
        )


def has_threshold(estimator: BaseEstimator) -> bool:
    """Whether the detector has a threshold, so that a decision below 0 means anomalous.

    False where it had too few held-out slices for a threshold: `offset_` is then ``-inf``.
    """
    return not np.isneginf(getattr(last_step(estimator), "offset_", 0.0))


def ranking_offset(detector: BaseEstimator) -> float:
    """`offset_`; where it is ``-inf``, the lowest held-out score, so that decisions are finite.

    Decisions from the lowest held-out score only rank samples: below 0 does not mean anomalous.
    Where an estimator has no held-out scores either, 0.
    """
    if has_threshold(detector):
        return float(detector.offset_)
    if not hasattr(detector, "map_scoring_"):
        return 0.0
    return float(detector.map_scoring_.calibration_scores_.min())


def decisions(estimator: BaseEstimator, X: PairsLike) -> npt.NDArray[np.float64]:
    """`decision_function`, finite also where there is no threshold (see `ranking_offset`)."""
    if has_threshold(estimator):
        return np.asarray(estimator.decision_function(X), dtype=np.float64)
    return np.asarray(estimator.score_samples(X) - ranking_offset(last_step(estimator)))


def ct_units_taken(estimator: BaseEstimator) -> str | None:
    """The CT units that an estimator's preprocessing takes; None where no step says them."""
    found = _parameters(estimator)
    named = {str(v) for k, v in found if k.split("__")[-1] in ("ct_units", "units")}
    units = named & {*CT_UNITS}
    return units.pop() if len(units) == 1 else None


def _parameters(estimator: BaseEstimator) -> Iterator[tuple[str, object]]:
    """All parameters, also those inside of a FrozenEstimator, which doesn't list them."""
    if isinstance(estimator, FrozenEstimator):
        yield from _parameters(estimator.estimator)
        return
    for name, value in getattr(estimator, "best_estimator_", estimator).get_params().items():
        yield name, value
        if isinstance(value, FrozenEstimator):
            yield from _parameters(value)
