"""FusedScoring: the maps and scores of several detectors as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import (
    CheckedParameters,
    Constraints,
    OneOf,
    SequenceOf,
    check_parameters,
    number,
)
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect._types import PairsLike
from ctmri_detect.scoring.calibration import describe
from ctmri_detect.scoring.evidence import pool_top
from ctmri_detect.scoring.fusion import Fusion, Rarity, fused, fused_z
from ctmri_detect.scoring.healthy_evidence import Healthy
from ctmri_detect.scoring.judging import Judging, Planes
from ctmri_detect.scoring.map_scoring import MapScoring
from ctmri_detect.scoring.patterns import PatternThresholds
from ctmri_detect.scoring.with_threshold import WithThreshold
from ctmri_detect.validation import PairReader, check_pairs

_Made = TypeVar("_Made")
Codes = npt.NDArray[np.int64]


class PatientCodes(Protocol):
    """Which patients the members know."""

    def of_members(self, codes: Codes | None) -> list[Codes | None]:
        """From the codes of the whole to those of each member."""


class FusedScoring(WithThreshold, Judging, CheckedParameters, BaseEstimator):
    """Evidence of several fitted `MapScoring`, fused pixel by pixel.

    A residual has one axis more than elsewhere: ``(n, n_members, n_planes, height, width)``, NaN
    where a member saw nothing. See `EnsembleDetector` for the parameters.

    Attributes
    ----------
    weights_ : float array (n_members,)
        Their mean is 1.
    offset_ : float
        The conformal threshold.
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "weights": [
            OneOf("equal", "calibrated"),
            SequenceOf("a number above 0 for each detector", number(above=0)),
        ],
        "fusion": [OneOf("sum", "max", "quantile")],
        "pool_fraction": [number(above=0, most=1)],
        "false_positive_rate": [number(0, below=1)],
    }

    def __init__(
        self,
        weights: Literal["equal", "calibrated"] | Sequence[float] = "equal",
        fusion: Fusion = "sum",
        pool_fraction: float = 0.005,
        false_positive_rate: float = 0.05,
    ) -> None:
        self.weights = weights
        self.fusion = fusion
        self.pool_fraction = pool_fraction
        self.false_positive_rate = false_positive_rate

    @property
    def bank(self) -> str:
        """Either "slices" or, if slices are part of their own reference, "summary"."""
        kinds = {member.bank for member in self.members_}
        return "summary" if "summary" in kinds else "slices"

    def fit(self, members: Sequence[MapScoring], codes: PatientCodes, healthy: Healthy) -> Self:
        """Learn weights and thresholds from slices that no member saw.

        Raises
        ------
        ValueError
            For another number of weights than of members.
        """
        check_parameters(self)
        if not isinstance(self.weights, str) and len(self.weights) != len(members):
            raise ValueError(
                f"weights has {len(self.weights)} numbers for {len(members)} detectors; expected "
                'one for each, or "equal", or "calibrated".'
            )
        with unchanged_on_failure(self):
            self.members_, self.codes_ = list(members), codes
            return self._learn(healthy)

    def fit_again(self, fitted: FusedScoring) -> Self:
        """Fit on what another, fitted FusedScoring kept."""
        check_is_fitted(fitted, "threshold_")
        before = fitted.get_params()
        changed = {k for k, v in self.get_params().items() if not np.array_equal(v, before[k])}
        if changed <= {"false_positive_rate"}:
            check_parameters(self)
            for name in ("members_", "codes_", "healthy_", "weights_", "rarities_", "patients_"):
                setattr(self, name, getattr(fitted, name))
            return self._take(fitted.patterns_.at_rate(self.false_positive_rate))
        return self.fit(fitted.members_, fitted.codes_, fitted.healthy_)

    @with_default_floats
    def _learn(self, healthy: Healthy) -> Self:
        self.healthy_, self.patients_ = healthy, healthy.patients
        self.weights_ = self._find_weights(healthy)
        self.rarities_ = [
            Rarity(healthy.evidence[:, member]) if self.fusion == "quantile" else None
            for member in range(len(self.members_))
        ]
        scores = healthy.scores(self._joined, self.pool_fraction)
        rate = self.false_positive_rate
        return self._take(PatternThresholds(scores, healthy.seen, healthy.groups, rate))

    def _find_weights(self, healthy: Healthy) -> npt.NDArray[np.float64]:
        if not isinstance(self.weights, str):
            found = np.asarray(self.weights, dtype=np.float64)
        elif self.weights == "equal":
            found = np.ones(len(self.members_))
        else:
            whole = healthy.evidence[healthy.seen.all(axis=1)]
            whole = whole if len(whole) else healthy.evidence
            found = 1 / np.array([self._pooled_mean(whole[:, m]) for m in range(whole.shape[1])])
        return found / found.mean()

    def _pooled_mean(self, evidence: npt.NDArray[np.float16]) -> float:
        seen = ~np.isnan(evidence).all(axis=(1, 2))
        pooled = pool_top(evidence[seen].astype(np.float32), self.pool_fraction)
        mean = float(pooled.mean()) if len(pooled) else 1.0
        return mean if mean > 1e-6 else 1.0

    def explaining(self, residual: npt.NDArray[np.float32], X: PairsLike) -> tuple[Planes, ...]:
        """Z-maps, the same without the bound, and the evidence of each member before the fusion.

        The last is float32 ``(n, n_members, height, width)``.
        """

        def finish(both: Planes) -> tuple[Planes, ...]:
            packed, unclipped = self._parted(both)
            return self._signed(packed), unclipped, self._rare(packed[:, :, 0])

        return self._judged(residual, X, finish, unclipped=True)[0]

    def _judged(
        self,
        residual: npt.ArrayLike,
        X: PairsLike,
        finish: Callable[[Planes], _Made],
        *,
        unclipped: bool = False,
    ) -> list[_Made]:
        """`finish` is given the members' evidence (entry 0 of axis 2) and z-maps behind it."""
        check_is_fitted(self, "members_")
        return [self.of_layers(self.layers(residual, X), finish, unclipped=unclipped)]

    def layers(self, residual: npt.ArrayLike, X: PairsLike) -> Planes:
        """The layers of all members, one after the other (see `Standardising`)."""
        reader = X if isinstance(X, PairReader) else check_pairs(X)
        planes, codes = (
            np.asarray(residual, dtype=np.float32),
            self.codes_.of_members(reader.groups),
        )
        described = describe(reader)
        parts = [
            member.layers_of(planes[:, m], described, codes[m])
            for m, member in enumerate(self.members_)
        ]
        return np.concatenate(parts, axis=1)

    def of_layers(
        self, layers: Planes, finish: Callable[[Planes], _Made], *, unclipped: bool = False
    ) -> _Made:
        """The result of `finish` for the members' evidence and z-maps, see `_judged`."""
        packed = []
        for member, part in zip(self.members_, self._of_each(layers), strict=True):
            pack = member.packed_both if unclipped else member.packed
            packed.append(member.of_layers(part, pack, unclipped=unclipped))
        return finish(np.stack(packed, axis=1))

    def seen_in_layers(self, layers: Planes) -> npt.NDArray[np.bool_]:
        """Which planes any member saw: bool ``(n, n_planes)``."""
        parts = zip(self.members_, self._of_each(layers), strict=True)
        return np.any([member.seen_in_layers(part) for member, part in parts], axis=0)

    def _of_each(self, layers: Planes) -> list[Planes]:
        sizes = [member.n_layers for member in self.members_]
        sets = layers.reshape(len(layers), -1, sum(sizes), *layers.shape[-2:])
        parts = np.split(sets, np.cumsum(sizes)[:-1], axis=2)
        return [part.reshape(len(part), -1, *part.shape[-2:]) for part in parts]

    def _rare(self, evidence: Planes) -> Planes:
        if self.fusion != "quantile":
            return evidence
        each = [r.of(evidence[:, m]) for m, r in enumerate(self.rarities_) if r is not None]
        return np.stack(each, axis=1)

    def _joined(self, evidence: Planes) -> Planes:
        return fused(self._rare(evidence), self.weights_, self.fusion)

    def _fused(self, z: Planes) -> Planes:
        return self._joined(z[:, :, 0])

    def _signed(self, z: Planes) -> Planes:
        return fused_z(z[:, :, 1:], self.weights_)

    def _parted(self, both: Planes) -> tuple[Planes, Planes]:
        behind = 1 + both.shape[2] // 2
        return both[:, :, :behind], fused_z(both[:, :, behind:], self.weights_)

    def _seen(self, residual: Any) -> npt.NDArray[np.bool_]:
        seen: npt.NDArray[np.bool_] = ~np.isnan(residual).all(axis=(1, 3, 4))
        return seen
