"""A function as a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.evidence import pool_top
from ctmri_detect.validation import check_pairs, listed

GIVES = {
    "decision": "(n,), high = normal, below 0 = anomalous",
    "anomaly_score": "(n,), high = anomalous",
    "anomaly_map": "(n, height, width), high = anomalous, NaN = not observed",
}
"""What a function may give, and what that means."""


def _has_maps(detector: FunctionDetector) -> bool:
    return detector.gives == "anomaly_map"


class FunctionDetector(BaseEstimator):
    """A function of pairs, such as a trained model of any kind, as a detector.

    Its `fit` learns nothing. It can be pickled if the function can. A clone shares the function.

    Parameters
    ----------
    function : callable
        ``function(X)``, where X is a float32 array ``(n, n_planes, height, width)`` that it may
        change; NaN where nothing was observed.
    gives : {"decision", "anomaly_score", "anomaly_map"}
        What it returns, see `as_detector`. For maps, the score of a sample is the mean of its
        largest 0.5 % of pixels, the default of `MapScoring`.

    Attributes
    ----------
    offset_ : float
        0 for decisions. ``-inf`` for scores and maps, which have no threshold and only rank.

    Examples
    --------
    >>> X = np.zeros((2, 2, 8, 8)); X[1, 0, 2:4, 2:4] = 5
    >>> detector = FunctionDetector(lambda X: np.abs(X).max(axis=1), "anomaly_map").fit(X)
    >>> detector.decision_function(X).min().item(), detector.anomaly_map(X).shape
    (-5.0, (2, 8, 8))
    """

    def __init__(self, function: Callable[[Any], Any], gives: str) -> None:
        self.function = function
        self.gives = gives

    @property
    def offset_(self) -> float:
        """Decision from which a sample is called normal."""
        return 0.0 if self.gives == "decision" else -np.inf

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> FunctionDetector:
        return type(self)(self.function, self.gives)  # a model inside may not be copyable

    def fit(self, X: PairsLike, y: LabelsLike = None) -> FunctionDetector:
        """Learn nothing."""
        return self

    def score_samples(self, X: PairsLike) -> npt.NDArray[np.float64]:
        """Float64 ``(n,)``, high = normal.

        Raises
        ------
        InvalidPairsError
            Where the function does not give what `gives` says.
        """
        if self.gives == "anomaly_map":
            seen = _observed(X)
            maps = np.where(seen, self.anomaly_map(X), np.nan)
            return -pool_top(maps, MapScoring().pool_fraction)
        values = self._ask(X).astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InvalidPairsError(
                f"{self._name} gives NaN or infinity for samples {listed(bad)}; expected a finite "
                "number for each sample. NaN in X means that nothing was observed there."
            )
        return values if self.gives == "decision" else -values

    def decision_function(self, X: PairsLike) -> npt.NDArray[np.float64]:
        """The same as `score_samples`."""
        return self.score_samples(X)

    @available_if(_has_maps)
    def anomaly_map(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """Float32 ``(n, height, width)``, high = anomalous.

        A map without any NaN gets NaN where no plane of its sample was observed, so that all
        detectors are measured on the same pixels. A map that already has NaN stays as it is.

        Raises
        ------
        InvalidPairsError
            Where the function does not give such maps.
        """
        maps = self._ask(X).astype(np.float32)
        unseen = np.isnan(maps)
        bad = np.flatnonzero(np.isinf(maps).any(axis=(1, 2)) | unseen.all(axis=(1, 2)))
        if len(bad):
            raise InvalidPairsError(
                f"{self._name} gives infinity, or nothing but NaN, for samples {listed(bad)}; "
                "expected maps of finite numbers, and NaN only where nothing was observed."
            )
        whole = ~unseen.any(axis=(1, 2), keepdims=True)
        maps[whole & ~_observed(X)] = np.nan
        return maps

    @property
    def _name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def _ask(self, X: PairsLike) -> npt.NDArray[Any]:
        """What the function returns, with its shape checked."""
        pairs = check_pairs(X)[:]
        n, _, *plane = pairs.shape
        expected = (n, *plane) if self.gives == "anomaly_map" else (n,)
        values = _as_array(self.function(pairs))
        if values.shape != expected or values.dtype.kind not in "fiub":
            one = values.ndim > len(expected) and values.shape[1] == 1
            hint = " Return values[:, 0]." if one else ""
            raise InvalidPairsError(
                f"{self._name} gives {values.dtype} of shape {values.shape}; expected numbers of "
                f"shape {expected}, because gives={self.gives!r} means {GIVES[self.gives]}.{hint}"
            )
        return values


def _as_array(given: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(plain_array(given))
    except ValueError:  # a list of different shapes
        return np.empty((), dtype=object)


def _observed(X: PairsLike) -> npt.NDArray[np.bool_]:
    """Where any plane was observed: bool ``(n, height, width)``."""
    return np.concatenate([~np.isnan(block).all(axis=1) for block in check_pairs(X).blocks()])
