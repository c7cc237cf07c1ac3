"""From z-maps to anomaly maps and scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import PairsLike
from ctmri_detect.scoring.evidence import pool_top
from ctmri_detect.scoring.patterns import PatternThresholds, Scored
from ctmri_detect.validation import missing_planes

Planes = npt.NDArray[np.float32]

_Made = TypeVar("_Made")


class Judging:
    """What a fitted `MapScoring`, or a class that takes its place, says about residuals.

    If X is a `PairReader` with `groups`, these are codes of patients as in `fit`: no slice of a
    sample's own patient is its reference.
    """

    patterns_: PatternThresholds
    pool_fraction: float

    @property
    def worst_score(self) -> float:
        """The lowest score there is; minus infinity if there is none."""
        return -np.inf

    def z_maps(self, residual: Planes, X: PairsLike) -> Planes:
        """Signed, smoothed and clipped z: float32 ``(n, n_planes, height, width)``.

        Positive = brighter than expected; NaN where nothing was observed.
        """
        return np.concatenate(self._judged(residual, X, self._signed))

    def anomaly_map(self, residual: Planes, X: PairsLike) -> Planes:
        """Root of the evidence, planes fused, in units of z: float32 ``(n, height, width)``.

        From 0 to `clip`, high = anomalous; NaN where no plane was observed.
        """
        return np.concatenate(self._judged(residual, X, self._map))

    def score_samples(self, residual: Planes, X: PairsLike) -> npt.NDArray[np.float64]:
        """Minus the pooled evidence: float64 ``(n,)``, high = normal.

        From ``-clip**2`` to 0 if no plane is missing; if planes are missing, on the scale of
        complete samples.
        """
        return self._scaled_and_p(self.pooled(residual, X))[0]

    def p_values(self, residual: Planes, X: PairsLike) -> npt.NDArray[np.float64]:
        """How often a healthy slice with the same planes scores as low: float64 ``(n,)``.

        Above 0 and up to 1, small = anomalous.
        """
        return self._scaled_and_p(self.pooled(residual, X))[1]

    def pooled(self, residual: Planes, X: PairsLike) -> Scored:
        """Minus the pooled evidence of each sample as it is, and which planes it has."""
        return Scored(np.concatenate(self._judged(residual, X, self._score)), self._seen(residual))

    def judge(self, residual: Planes, X: PairsLike, *, unclipped: bool = True) -> Bunch:
        """Scores, anomaly maps and z-maps from one pass, as a Bunch.

        `score_samples`, `p_values`, `anomaly_map`, `z_maps`: what the methods of these names
        return. `unclipped_z_maps`: z-maps without the bound, to tell strong anomalies apart; only
        with `unclipped`.
        """

        def finish(found: Planes) -> tuple[npt.NDArray[np.floating], ...]:
            z, *free = self._parted(found) if unclipped else (found,)
            evidence = self._fused(z)
            pooled = -pool_top(evidence, self.pool_fraction)
            return pooled, np.sqrt(evidence), self._signed(z), *free

        blocks = self._judged(residual, X, finish, unclipped=unclipped)
        scores, heat, z, *free = map(np.concatenate, zip(*blocks, strict=True))
        scaled, p = self._scaled_and_p(Scored(scores, self._seen(residual)))
        found = {"score_samples": scaled, "p_values": p, "anomaly_map": heat, "z_maps": z}
        return Bunch(**found, **({"unclipped_z_maps": free[0]} if unclipped else {}))

    def both_z_maps(self, residual: Planes, X: PairsLike) -> Planes:
        """`z_maps`, and the same without the bound: ``(n, 2, n_planes, height, width)``."""

        def finish(both: Planes) -> Planes:
            z, unclipped = self._parted(both)
            return np.stack([self._signed(z), unclipped], axis=1)

        return np.concatenate(self._judged(residual, X, finish, unclipped=True))

    def _scaled_and_p(self, pooled: Scored) -> tuple[npt.NDArray[np.float64], ...]:
        scaled = self.patterns_.scaled(*pooled)
        return scaled, self.patterns_.p_values(scaled, pooled.seen)

    def _judged(
        self,
        residual: npt.ArrayLike,
        X: PairsLike,
        finish: Callable[[Planes], _Made],
        *,
        unclipped: bool = False,
    ) -> list[_Made]:
        """The results of `finish` for z-maps; with `unclipped`, for both kinds: see `_parted`."""
        raise NotImplementedError

    def _map(self, z: Planes) -> Planes:
        return np.sqrt(self._fused(z))

    def _score(self, z: Planes) -> npt.NDArray[np.float64]:
        return -pool_top(self._fused(z), self.pool_fraction)

    def layers(self, residual: Planes, X: PairsLike) -> Planes:
        """All layers of each sample: float32 ``(n, n_layers, height, width)``.

        A layer is z of one scale, kind and plane, without a bound.
        """
        raise NotImplementedError

    def of_layers(
        self, layers: Planes, finish: Callable[[Planes], _Made], *, unclipped: bool = False
    ) -> _Made:
        """The result of `finish` for the z-maps of these layers; `unclipped` as in `_judged`.

        With several sets of layers, one behind the other, an anomaly has to show in all sets, as it
        has to at all scales.
        """
        raise NotImplementedError

    def seen_in_layers(self, layers: Planes) -> npt.NDArray[np.bool_]:
        """Which planes were observed: bool ``(n, n_planes)``."""
        raise NotImplementedError

    def evidence_of(self, layers: Planes) -> Planes:
        """The evidence of each pixel: float32 ``(n, height, width)``."""
        return self.of_layers(layers, self._fused)

    def _fused(self, z: Planes) -> Planes:
        """The evidence of each pixel."""
        raise NotImplementedError

    def packed(self, z: Planes) -> Planes:
        """Evidence, and z-maps behind it: float32 ``(n, 1 + n_planes, height, width)``."""
        return np.concatenate([self._fused(z)[:, None], self._signed(z)], axis=1)

    def packed_both(self, both: Planes) -> Planes:
        """`packed`, and unclipped z-maps behind it: ``(n, 1 + 2 n_planes, height, width)``."""
        z, unclipped = self._parted(both)
        return np.concatenate([self.packed(z), unclipped], axis=1)

    def _signed(self, z: Planes) -> Planes:
        return z[:, 0]

    def _parted(self, both: Planes) -> tuple[Planes, Planes]:
        """Clipped z-maps of all kinds, and the unclipped ones of the residual."""
        return both[:, :-1], both[:, -1]

    def _seen(self, residual: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        return ~missing_planes(np.asarray(plain_array(residual)))
