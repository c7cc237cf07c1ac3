"""From residuals to z-maps, anomaly maps and scores, against a fitted bank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._arrays import plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._threads import map_threads
from ctmri_detect._types import PairsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.scoring.calibration import describe
from ctmri_detect.scoring.evidence import fused_evidence, kinds_of_evidence, observed, pool_top
from ctmri_detect.scoring.reference import ReferenceBank
from ctmri_detect.scoring.summary_bank import SummaryBank
from ctmri_detect.validation import PairReader, check_pairs

_BLOCK = 16  # samples at a time; a score does not depend on the other samples
Planes = npt.NDArray[np.float32]

_Made = TypeVar("_Made")


class Judging:
    """What a fitted `MapScoring` says about residuals.

    Where X is a `PairReader` with `groups`, these are codes of patients as in `fit`: no slice of a
    sample's own patient is its reference.
    """

    bank_: ReferenceBank | SummaryBank
    symmetry: bool
    symmetry_tolerance: int
    smoothing: float
    clip: float
    fusion: Literal["mean", "max"]
    pool_fraction: float

    def z_maps(self, residual: Planes, X: PairsLike) -> Planes:
        """Signed, smoothed and clipped z of each plane.

        Returns
        -------
        float32 array (n, n_planes, height, width)
            Positive = brighter than expected; NaN where nothing was observed.
        """
        return np.concatenate(self._judged(residual, X, _signed))

    def anomaly_map(self, residual: Planes, X: PairsLike) -> Planes:
        """Root of the evidence, planes fused; in units of z.

        Returns
        -------
        float32 array (n, height, width)
            From 0 to `clip`, high = anomalous; NaN where no plane was observed.
        """
        return np.concatenate(self._judged(residual, X, self._map))

    def score_samples(self, residual: Planes, X: PairsLike) -> npt.NDArray[np.float64]:
        """Minus the pooled evidence.

        Returns
        -------
        float64 array (n,)
            From ``-clip**2`` to 0, high = normal.
        """
        return np.concatenate(self._judged(residual, X, self._score))

    def judge(self, residual: Planes, X: PairsLike) -> Bunch:
        """Scores, anomaly maps and z-maps from one pass.

        Returns
        -------
        Bunch
            `score_samples`, `anomaly_map`, `z_maps`: what the methods of these names return.
        """

        def finish(z: Planes) -> tuple[npt.NDArray[np.floating], ...]:
            evidence = fused_evidence(z, self.fusion)
            return -pool_top(evidence, self.pool_fraction), np.sqrt(evidence), _signed(z)

        joined = map(np.concatenate, zip(*self._judged(residual, X, finish), strict=True))
        return Bunch(**dict(zip(("score_samples", "anomaly_map", "z_maps"), joined, strict=True)))

    def _judged(
        self, residual: npt.ArrayLike, X: PairsLike, finish: Callable[[Planes], _Made]
    ) -> list[_Made]:
        check_is_fitted(self, "bank_")
        reader = X if isinstance(X, PairReader) else check_pairs(X)
        planes = as_residual(residual, reader)
        return self._gather(planes, describe(reader), reader.groups, finish)

    def _evidence(self, residual: Planes) -> Planes:
        tolerance = self.symmetry_tolerance if self.symmetry else None
        return kinds_of_evidence(residual, self.smoothing, tolerance)

    def _evidence_of(self, residual: Planes) -> Planes:
        blocks = np.split(residual, range(_BLOCK, len(residual), _BLOCK))
        return np.concatenate(map_threads(self._evidence, blocks))

    @with_default_floats
    def _gather(
        self,
        residual: npt.NDArray[np.generic],
        descriptors: npt.NDArray[np.float64],
        codes: npt.NDArray[np.int64] | None,
        finish: Callable[[Planes], _Made],
    ) -> list[_Made]:
        """What `finish` makes of the z-maps, block by block."""

        def one(start: int) -> _Made:
            block = np.asarray(residual[start : start + _BLOCK], dtype=np.float32)
            rows = np.minimum(np.arange(start, start + _BLOCK), len(residual) - 1)
            groups = None if codes is None else codes[rows]
            z = self.bank_.standardise(self._evidence(block), descriptors[rows], groups)
            z = masked_gaussian(z, self.smoothing, observed(block)[:, None])
            return finish(np.clip(z, -float(self.clip), float(self.clip), out=z))

        return map_threads(one, range(0, len(residual), _BLOCK))

    def _map(self, z: Planes) -> Planes:
        return np.sqrt(fused_evidence(z, self.fusion))

    def _score(self, z: Planes) -> npt.NDArray[np.float64]:
        return -pool_top(fused_evidence(z, self.fusion), self.pool_fraction)


def _signed(z: Planes) -> Planes:
    return z[:, 0]


def as_residual(residual: npt.ArrayLike, X: PairReader) -> npt.NDArray[np.generic]:
    """The residual as an array; refused where it doesn't fit X."""
    values = np.asarray(plain_array(residual))
    if values.shape != X.shape or values.dtype.kind not in "fiub":
        raise InvalidPairsError(
            f"residual has shape {values.shape} and dtype {values.dtype}; expected numbers of "
            f"shape {X.shape}, that of X. Give the residual of each plane of each of these pairs."
        )
    return values
