"""The z-score of evidence against sums over reference slices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.banded import Planes, blurred
from ctmri_detect.imageops.steady import BLUR, FLOOR, shrink_towards_pooled

Reference = Literal["similar", "position"] | None


class ZScore:
    """What banks of slices and of statistics share; the formula is in `ReferenceBank`.

    Attributes
    ----------
    center_ : float32 array (kinds, n_planes, height, width)
        Mean of the reference slices at each place.
    pooled_sd_ : float32 array (kinds, n_planes)
        Standard deviation around `center_`, over all places.
    box_ : tuple of int
        First row and the row behind the last one, and the same of the columns: outside, no
        reference slice was observed.
    """

    reference: Reference
    n_neighbors: int
    center_: npt.NDArray[np.float32]
    pooled_sd_: npt.NDArray[np.float32]
    box_: tuple[int, int, int, int]

    def weights(
        self, descriptors: npt.NDArray[np.float64], groups: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Which parts of the bank each sample is compared with: 1 or 0, ``(n, m)``."""
        raise NotImplementedError

    def standardise(
        self,
        evidence: npt.NDArray[np.float32],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Z-scores of evidence ``(n, kinds, n_planes, h, w)``, NaN where it is NaN.

        The last digits of distances depend on the number of descriptors. So give descriptors in
        blocks of one length, the last one padded, and evidence of the real samples only. `groups`
        are the patients, coded as in `fit`; a code that `fit` did not see is no patient of the
        bank.
        """
        if self.reference is None:
            return (evidence - self.center_) / self.pooled_sd_[:, :, None, None]
        weights = self.weights(descriptors, groups)[: len(evidence)]
        pairs = zip(evidence, weights > 0, strict=True)
        return np.stack([self._standardise_one(one, kept) for one, kept in pairs])

    def _standardise_one(self, evidence: Planes, kept: npt.NDArray[np.bool_]) -> Planes:
        """Sample by sample, so that all of it stays in the cache; in place, as in the notes."""
        planes = np.flatnonzero(~np.isnan(evidence[0]).all(axis=(1, 2)))
        if len(planes) < evidence.shape[1]:  # no work on missing planes
            out = evidence.copy()
            if len(planes):
                out[:, planes] = self._of_planes(evidence[:, planes], kept, planes)
            return out
        return self._of_planes(evidence, kept, planes)

    def _of_planes(
        self, evidence: Planes, kept: npt.NDArray[np.bool_], planes: npt.NDArray[np.int64]
    ) -> Planes:
        pooled = self.pooled_sd_[:, planes, None, None]
        count, mean, spread = self._smoothed(self._sums(kept, planes), evidence.shape)
        shrink_towards_pooled(count, spread, pooled)
        mean /= count
        spread -= mean**2
        np.maximum(spread, (np.float32(FLOOR) * pooled) ** 2, out=spread)
        z = evidence - self.center_[:, planes]
        z -= mean
        z /= np.sqrt(spread, out=spread)
        return np.asarray(z)

    def _sums(
        self, kept: npt.NDArray[np.bool_], planes: npt.NDArray[np.int64]
    ) -> Iterable[npt.NDArray[Any]]:
        """Sums of w, w e and w e^2 of these planes within the box, over the parts kept."""
        raise NotImplementedError

    def _smoothed(self, sums: Iterable[npt.NDArray[Any]], shape: tuple[int, ...]) -> list[Planes]:
        planes = [np.zeros(shape[-3:], np.float32), *np.zeros((2, *shape), np.float32)]
        for plane, part in zip(planes, sums, strict=True):
            plane[self._boxed] = part
        return [blurred(plane, BLUR) for plane in planes]

    @property
    def _boxed(self) -> tuple[Any, ...]:
        """Index of the box's pixels in planes."""
        top, bottom, left, right = self.box_
        return (..., slice(top, bottom), slice(left, right))
