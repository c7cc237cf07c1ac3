"""What healthy slices leave at each place: a bounded bank and the z-score against it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.similar import squared_distances
from ctmri_detect.imageops.smooth import gaussian

BANK_SLICES = 512  # at most so many reference slices ...
BANK_BYTES = 256 * 2**20  # ... and at most so much memory for them
_PRIOR = 2.0  # pseudo-slices of mean 0 and pooled variance: steadies small references
_FLOOR = 0.3  # least standard deviation, as a share of the pooled one
_BLUR = 1.5  # pixels by which the reference statistics are smoothed
_TIE = 1e-6  # squared distances this close may be of equal slices
_COLUMNS = 4096  # pixels handled at a time, so that temporaries stay in the cache

Reference = Literal["similar", "position"] | None
Planes = npt.NDArray[np.float32]


def bank_rows(n: int, shape: tuple[int, ...], kinds: int = 2) -> npt.NDArray[np.int64]:
    """Rows, evenly spaced, that fit into the bounded bank.

    Examples
    --------
    >>> len(bank_rows(10_000, (2, 128, 128))), len(bank_rows(7, (2, 128, 128)))
    (512, 7)
    """
    slice_bytes = 4 * kinds * int(np.prod(shape))
    most = max(2, min(BANK_SLICES, BANK_BYTES // slice_bytes))
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


class ReferenceBank:
    """Evidence of healthy slices, and the z-score of new evidence against similar ones.

    Parameters
    ----------
    reference : {"similar", "position"} or None
    n_neighbors : int

    Notes
    -----
    With weights ``w_j`` = 1 for the reference slices of a sample, else 0, and sums smoothed by
    a Gaussian of 1.5 px, at each pixel over the slices observed there::

        mean = sum w e / (sum w + 2)
        var  = (sum w e^2 + 2 g^2) / (sum w + 2) - mean^2
        z    = (e - mean) / max(sqrt(var), 0.3 g)

    ``g`` is the pooled standard deviation of that kind of evidence. Evidence is
    counted from the bank's mean at that place, which two pseudo-slices stand for; they and the
    floor keep places that few slices observed, or that hardly vary, from exploding.
    """

    def __init__(self, reference: Reference, n_neighbors: int) -> None:
        self.reference = reference
        self.n_neighbors = n_neighbors

    def fit(
        self,
        evidence: npt.NDArray[np.float32],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64],
    ) -> ReferenceBank:
        """Keep evidence ``(m, kinds, 2, h, w)`` with the descriptors and patients of its slices."""
        self.groups_ = np.asarray(groups)
        self.descriptors_ = descriptors
        image, mask = self.descriptors_[:, :, 0], self.descriptors_[:, :, 1]
        spread = [image[:, p][mask[:, p] > 0] for p in range(2)]
        self.descriptor_scale_ = np.array([_positive(s.std() if s.size else 0.0) for s in spread])
        seen = ~np.isnan(evidence[:, 0])
        self.place_ = np.flatnonzero(seen.any(axis=(0, 1)))  # pixels that any slice was observed at
        self.seen_ = np.ascontiguousarray(seen.reshape(*seen.shape[:2], -1)[..., self.place_])
        values = evidence.reshape(*evidence.shape[:3], -1)[..., self.place_]
        np.copyto(values, np.float32(0), where=~self.seen_[:, None])
        count = self.seen_.sum(axis=0, dtype=np.float32)
        center = values.sum(axis=0) / np.maximum(count, 1)
        if self.reference is None:  # nothing is subtracted, and the unit is the root mean square
            center = np.zeros_like(center)
        values -= center
        values *= self.seen_[:, None]
        self.values_ = np.ascontiguousarray(values)
        self.center_ = self._on_grid(center.astype(np.float32), evidence.shape[1:])
        self.total_ = (
            count,
            self.values_.sum(axis=0, dtype=np.float64),
            sum(np.square(row, dtype=np.float64) for row in self.values_),
        )
        power = self.total_[2].sum(axis=-1) / np.maximum(count.sum(axis=-1, dtype=np.float64), 1)
        self.pooled_sd_ = np.vectorize(_positive)(np.sqrt(power)).astype(np.float32)
        return self

    def standardise(
        self, evidence: npt.NDArray[np.float32], descriptors: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        """Z-scores of evidence ``(n, kinds, 2, h, w)``, NaN where it is NaN."""
        pooled = self.pooled_sd_[None, :, :, None, None]
        centred = evidence - self.center_
        if self.reference is None:
            return centred / pooled
        sums = [
            self._sums(weights > 0, evidence.shape[1:]) for weights in self._weights(descriptors)
        ]
        count, first, second = (np.stack(part) for part in zip(*sums, strict=True))
        count = count[:, None] + _PRIOR
        mean = first / count
        variance = (second + _PRIOR * pooled**2) / count - mean**2
        return (centred - mean) / np.sqrt(np.maximum(variance, (_FLOOR * pooled) ** 2))

    def _weights(self, descriptors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Which bank slices each sample is compared with; never its own patient's."""
        distance = squared_distances(descriptors, self.descriptors_, self.descriptor_scale_)
        own = np.zeros(distance.shape, dtype=bool)
        for i, j in np.argwhere(distance <= distance.min(axis=1, keepdims=True) + _TIE):
            if np.array_equal(descriptors[i], self.descriptors_[j]):  # this is the sample itself
                own[i] |= self.groups_ == self.groups_[j]
        own &= ~own.all(axis=1, keepdims=True)  # a bank of one patient only: better than nothing
        weights = np.where(own, 0, 1).astype(np.float64)
        if self.reference == "similar":
            order = np.argsort(np.where(own, np.inf, distance), axis=1, kind="stable")
            np.put_along_axis(weights, order[:, self.n_neighbors :], 0, axis=1)
        return weights

    def _sums(self, kept: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> list[Planes]:
        """Smoothed sums of w, w e and w e^2 over the slices that one sample is compared with.

        Added slice by slice, for each sample by itself: a product of matrices would be no faster,
        since few slices are kept, and its last digits would depend on the sample's company.
        """
        rest = 2 * np.count_nonzero(kept) > len(kept)  # then fewer are to be taken from the total
        rows = np.flatnonzero(kept != rest)
        values, seen = (part.reshape(len(kept), -1) for part in (self.values_, self.seen_))
        first = np.empty(values.shape[1], np.float32)
        second = np.empty_like(first)
        for start in range(0, len(first), _COLUMNS):
            part = slice(start, start + _COLUMNS)
            chosen = values[rows, part]
            np.add.reduce(chosen, axis=0, out=first[part])
            np.add.reduce(np.square(chosen, out=chosen), axis=0, out=second[part])
        sums = (seen[rows].sum(axis=0, dtype=np.float32), first, second)
        blurred = []
        for part, total in zip(sums, self.total_, strict=True):
            part = part.reshape(total.shape)
            planes = self._on_grid(total - part if rest else part, shape)
            for plane in planes.reshape(-1, *shape[2:]):
                plane[...] = gaussian(plane, _BLUR)
            blurred.append(planes)
        return blurred

    def _on_grid(self, values: npt.NDArray[Any], shape: tuple[int, ...]) -> Planes:
        """Values at the bank's pixels, as planes that are 0 elsewhere."""
        planes = np.zeros((*values.shape[:-1], int(np.prod(shape[2:]))), np.float32)
        planes[..., self.place_] = values
        return planes.reshape(*values.shape[:-1], *shape[2:])


def _positive(value: float) -> float:
    """A usable divisor: the value, or 1 where nothing varies at all."""
    return float(value) if value > 1e-6 else 1.0
