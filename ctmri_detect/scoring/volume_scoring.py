"""VolumeScoring: maps and scores of slices with their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import CheckedParameters, Constraints, check_parameters, number
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect._types import PairsLike
from ctmri_detect.scoring.along_z import AlongZ
from ctmri_detect.scoring.fused_scoring import FusedScoring
from ctmri_detect.scoring.healthy_evidence import Healthy
from ctmri_detect.scoring.judging import Judging, Planes
from ctmri_detect.scoring.map_scoring import MapScoring
from ctmri_detect.scoring.patterns import PatternThresholds
from ctmri_detect.scoring.with_threshold import WithThreshold

_Made = TypeVar("_Made")


class VolumeScoring(WithThreshold, Judging, CheckedParameters, BaseEstimator):
    """Maps and scores of slices with their neighbours, by a fitted `MapScoring` or `FusedScoring`.

    A residual is, here, the layers of a slice alone, and behind them those that `AlongZ.smooth`
    gives: ``(n, 2 n_layers, height, width)``. See `VolumeDetector` for the parameters.

    Attributes
    ----------
    offset_ : float
        The conformal threshold.
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "smoothing_mm": [number(above=0, most=100)],
        "pool_fraction": [number(above=0, most=1)],
        "false_positive_rate": [number(0, below=1)],
    }

    def __init__(
        self,
        smoothing_mm: float = 6.0,
        pool_fraction: float = 0.005,
        false_positive_rate: float = 0.05,
    ) -> None:
        self.smoothing_mm = smoothing_mm
        self.pool_fraction = pool_fraction
        self.false_positive_rate = false_positive_rate

    @property
    def bank(self) -> str:
        """Either "slices" or, if slices are part of their own reference, "summary"."""
        return str(self.inner_.bank)

    def fit(self, inner: MapScoring | FusedScoring, along: AlongZ, healthy: Healthy) -> Self:
        """Set the thresholds; `healthy` is evidence of slices that the model did not see."""
        check_parameters(self)
        with unchanged_on_failure(self):
            self.inner_, self.along_ = inner, along
            return self._learn(healthy)

    def fit_again(self, fitted: VolumeScoring) -> Self:
        """Fit on what another, fitted VolumeScoring kept.

        Raises
        ------
        ValueError
            For another `smoothing_mm`, which needs a new fit of the detector.
        """
        check_is_fitted(fitted, "threshold_")
        check_parameters(self)
        if self.smoothing_mm != fitted.smoothing_mm:
            raise ValueError(
                "smoothing_mm can't change without a new fit: the threshold rests on slices whose "
                "neighbours are not kept. Set it in the detector, and call fit again."
            )
        if self.pool_fraction == fitted.pool_fraction:
            for name in ("inner_", "along_", "healthy_", "patients_"):
                setattr(self, name, getattr(fitted, name))
            return self._take(fitted.patterns_.at_rate(self.false_positive_rate))
        return self.fit(fitted.inner_, fitted.along_, fitted.healthy_)

    @with_default_floats
    def _learn(self, healthy: Healthy) -> Self:
        self.healthy_, self.patients_ = healthy, healthy.patients
        scores = healthy.scores(lambda evidence: evidence[:, 0], self.pool_fraction)
        rate = self.false_positive_rate
        return self._take(PatternThresholds(scores, healthy.seen, healthy.groups, rate))

    def _judged(
        self,
        residual: npt.ArrayLike,
        X: PairsLike,
        finish: Callable[[Planes], _Made],
        *,
        unclipped: bool = False,
    ) -> list[_Made]:
        layers = np.asarray(residual, dtype=np.float32)
        return [self.inner_.of_layers(layers, finish, unclipped=unclipped)]

    @property
    def worst_score(self) -> float:
        """That of the detector's own scoring."""
        return self.inner_.worst_score

    def _fused(self, z: Planes) -> Planes:
        return self.inner_._fused(z)

    def _signed(self, z: Planes) -> Planes:
        return self.inner_._signed(z)

    def _parted(self, both: Planes) -> tuple[Planes, Planes]:
        return self.inner_._parted(both)

    def _seen(self, residual: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        return self.inner_.seen_in_layers(np.asarray(residual))
