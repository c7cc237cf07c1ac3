"""From residuals to z in the unit of healthy slices, against a fitted bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect._floats import with_default_floats
from ctmri_detect._threads import map_threads
from ctmri_detect._types import PairsLike
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.scoring.calibration import describe
from ctmri_detect.scoring.evidence import Symmetry, kinds_of_evidence, observed, over_scales
from ctmri_detect.scoring.given import as_residual
from ctmri_detect.scoring.judging import Judging, Planes
from ctmri_detect.scoring.reference import ReferenceBank
from ctmri_detect.scoring.summary_bank import SummaryBank
from ctmri_detect.validation import PairReader, check_pairs, missing_planes

_ENOUGH = 64  # healthy slices, for the spread of smoothed z
_BLOCK = 16  # samples at a time; a score does not depend on the other samples

_Made = TypeVar("_Made")


class Standardising(Judging):
    """How a fitted `MapScoring` makes z of residuals.

    A *layer* is z of one scale, kind and plane, without a bound.
    """

    bank_: ReferenceBank | SummaryBank
    sd_: Planes
    symmetry: Symmetry
    symmetry_tolerance: int
    smoothing: float
    scales: float | Sequence[float]
    clip: float

    def layers(self, residual: Planes, X: PairsLike) -> Planes:
        """All layers of each sample: float32 ``(n, n_layers, height, width)``."""
        reader = self._read(X)
        planes = as_residual(residual, reader)
        return self.layers_of(planes, describe(reader), reader.groups)

    def layers_of(
        self,
        residual: npt.NDArray[np.generic],
        descriptors: npt.NDArray[np.float64],
        codes: npt.NDArray[np.int64] | None,
    ) -> Planes:
        """`layers` of samples of which descriptors and patients are known."""

        def stacked(z: Planes, seen: npt.NDArray[np.bool_]) -> Planes:
            found = np.stack(self._scaled(z, seen), axis=1)
            return found.reshape(len(found), -1, *found.shape[-2:])

        return np.concatenate(self._against_bank(residual, descriptors, codes, stacked))

    @property
    def n_layers(self) -> int:
        """Scales times kinds times planes."""
        return int(np.prod(self.sd_.shape[:4]))

    def of_layers(
        self, layers: Planes, finish: Callable[[Planes], _Made], *, unclipped: bool = False
    ) -> _Made:
        """The result of `finish` for the z-maps of these layers; `unclipped` as in `_judged`."""
        return finish(self._over(list(np.moveaxis(self._parts(layers), 1, 0)), unclipped))

    def seen_in_layers(self, layers: Planes) -> npt.NDArray[np.bool_]:
        """Which planes were observed: bool ``(n, n_planes)``."""
        return ~missing_planes(self._parts(layers)[:, 0, 0])

    def _parts(self, layers: Planes) -> Planes:
        """Layers by scale, kind and plane; of several sets of layers, each adds its scales."""
        return layers.reshape(len(layers), -1, *self.sd_.shape[2:4], *layers.shape[-2:])

    def _judged(
        self,
        residual: npt.ArrayLike,
        X: PairsLike,
        finish: Callable[[Planes], _Made],
        *,
        unclipped: bool = False,
    ) -> list[_Made]:
        """The results of `finish` for z-maps; with `unclipped`, for both kinds: see `_parted`."""
        check_is_fitted(self, "bank_")
        reader = self._read(X)
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
        """The results of `finish` for the z-maps, one for each block.

        With `unclipped`, those of the residual without the bound are one kind more, the last.
        """

        def smooth(z: Planes, seen: npt.NDArray[np.bool_]) -> _Made:
            return finish(self._over(self._scaled(z, seen), unclipped))

        return self._against_bank(residual, descriptors, codes, smooth)

    def _scaled(self, z: Planes, seen: npt.NDArray[np.bool_]) -> list[Planes]:
        """Smoothed z in the unit of healthy slices, one a scale."""
        return [z / sd for z, sd in zip(self._blurred(z, seen), self.sd_, strict=True)]

    def _over(self, scaled: list[Planes], unclipped: bool) -> Planes:
        """Z-maps of what `_scaled` gives, which is overwritten."""
        clip = np.float32(self.clip)
        free = over_scales([z[:, :1] for z in scaled]).copy() if unclipped else None
        clipped = over_scales([np.clip(z, -clip, clip, out=z) for z in scaled])
        return clipped if free is None else np.concatenate([clipped, free], axis=1)

    @with_default_floats
    def _against_bank(
        self,
        residual: npt.NDArray[np.generic],
        descriptors: npt.NDArray[np.float64],
        codes: npt.NDArray[np.int64] | None,
        finish: Callable[[Planes, npt.NDArray[np.bool_]], _Made],
    ) -> list[_Made]:
        """The results of `finish` for the bank's z and the observed mask, one for each block."""

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

    @staticmethod
    def _read(X: PairsLike) -> PairReader:
        return X if isinstance(X, PairReader) else check_pairs(X)
