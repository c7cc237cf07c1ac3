"""From residuals to z-maps, anomaly maps and scores, against a fitted bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._arrays import evenly_spaced, plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._threads import map_threads
from ctmri_detect._types import PairsLike
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.scoring.calibration import describe
from ctmri_detect.scoring.evidence import (
    Symmetry,
    kinds_of_evidence,
    observed,
    over_scales,
    pool_top,
)
from ctmri_detect.scoring.given import as_residual
from ctmri_detect.scoring.patterns import PatternThresholds, Scored
from ctmri_detect.scoring.reference import ReferenceBank
from ctmri_detect.scoring.summary_bank import SummaryBank
from ctmri_detect.validation import PairReader, check_pairs, missing_planes

_ENOUGH = 64  # healthy slices, for the spread of smoothed z
_BLOCK = 16  # samples at a time; a score does not depend on the other samples
Planes = npt.NDArray[np.float32]

_Made = TypeVar("_Made")


class Judging:
    """What a fitted `MapScoring` says about residuals.

    Where X is a `PairReader` with `groups`, these are codes of patients as in `fit`: no slice of a
    sample's own patient is its reference.
    """

    bank_: ReferenceBank | SummaryBank
    sd_: Planes
    patterns_: PatternThresholds
    symmetry: Symmetry
    symmetry_tolerance: int
    smoothing: float
    scales: float | Sequence[float]
    clip: float
    pool_fraction: float

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

        From ``-clip**2`` to 0 where no plane is missing; where planes are missing, on the scale of
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
        """What `finish` makes of z-maps; with `unclipped`, of both kinds: see `_parted`."""
        check_is_fitted(self, "bank_")
        reader = X if isinstance(X, PairReader) else check_pairs(X)
        planes = as_residual(residual, reader)
        return self._gather(planes, describe(reader), reader.groups, finish, unclipped=unclipped)

    def _evidence(self, residual: Planes) -> Planes:
        tolerance = self.symmetry_tolerance if self.symmetry else None
        return kinds_of_evidence(residual, self.smoothing, tolerance)

    def _evidence_of(self, residual: Planes) -> Planes:
        blocks = np.split(residual, range(_BLOCK, len(residual), _BLOCK))
        return np.concatenate(map_threads(self._evidence, blocks))

    def _gather(
        self,
        residual: npt.NDArray[np.generic],
        descriptors: npt.NDArray[np.float64],
        codes: npt.NDArray[np.int64] | None,
        finish: Callable[[Planes], _Made],
        *,
        unclipped: bool = False,
    ) -> list[_Made]:
        """What `finish` makes of the z-maps, block by block.

        With `unclipped`, those of the residual without the bound are one kind more, the last.
        """

        def smooth(z: Planes, seen: npt.NDArray[np.bool_]) -> _Made:
            clip = np.float32(self.clip)
            scaled = [z / sd for z, sd in zip(self._blurred(z, seen), self.sd_, strict=True)]
            free = over_scales([z[:, :1].copy() for z in scaled]) if unclipped else None
            clipped = over_scales([np.clip(z, -clip, clip, out=z) for z in scaled])
            return finish(clipped if free is None else np.concatenate([clipped, free], axis=1))

        return self._against_bank(residual, descriptors, codes, smooth)

    @with_default_floats
    def _against_bank(
        self,
        residual: npt.NDArray[np.generic],
        descriptors: npt.NDArray[np.float64],
        codes: npt.NDArray[np.int64] | None,
        finish: Callable[[Planes, npt.NDArray[np.bool_]], _Made],
    ) -> list[_Made]:
        """What `finish` makes of the bank's z and of where it was observed, block by block."""

        def one(start: int) -> _Made:
            block = np.asarray(residual[start : start + _BLOCK], dtype=np.float32)
            rows = np.minimum(np.arange(start, start + _BLOCK), len(residual) - 1)
            groups = None if codes is None else codes[rows]
            z = self.bank_.standardise(self._evidence(block), descriptors[rows], groups)
            return finish(z, observed(block)[:, None])

        return map_threads(one, range(0, len(residual), _BLOCK))

    def _blurred(self, z: Planes, seen: npt.NDArray[np.bool_]) -> list[Planes]:
        return [masked_gaussian(z, float(scale), seen) for scale in np.atleast_1d(self.scales)]

    def _spread(
        self,
        residual: Planes,
        descriptors: npt.NDArray[np.float64],
        codes: npt.NDArray[np.int64],
    ) -> Planes:
        """How far smoothed z spreads in healthy slices, for each scale, kind and plane.

        The median over slices, evenly spaced ones, of the root mean square within each: a few
        slices with lesions among them change little.

        Returns
        -------
        float32 array (n_scales, 1, kinds, n_planes, 1, 1)
            1 where nothing varies.
        """

        def mean_square(z: Planes, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
            blurred = np.stack(self._blurred(z, seen))
            count = np.sum(~np.isnan(blurred), axis=(4, 5))
            power = np.nansum(np.square(blurred), axis=(4, 5), dtype=np.float64)
            return np.divide(power, count, out=np.full(power.shape, np.nan), where=count > 0)

        rows = evenly_spaced(len(residual), _ENOUGH)
        parts = self._against_bank(residual[rows], descriptors[rows], codes[rows], mean_square)
        each = np.sqrt(np.concatenate(parts, axis=1))  # scales, slices, kinds, planes
        each = np.where(np.isnan(each).all(axis=1, keepdims=True), 1, each)  # a plane never seen
        sd = np.nanmedian(each, axis=1).astype(np.float32)
        return np.where(sd > 1e-6, sd, np.float32(1))[:, None, ..., None, None]

    def _map(self, z: Planes) -> Planes:
        return np.sqrt(self._fused(z))

    def _score(self, z: Planes) -> npt.NDArray[np.float64]:
        return -pool_top(self._fused(z), self.pool_fraction)

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
