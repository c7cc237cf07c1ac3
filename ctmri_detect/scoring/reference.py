"""A bank of healthy slices' residuals, and the z-score against it at each place."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect.scoring.neighbours import Neighbours, positive
from ctmri_detect.scoring.z_score import Reference, ZScore

BANK_SLICES = 512  # most reference slices ...
BANK_BYTES = 256 * 2**20  # ... and most memory for them
_OF_SLICES = ("values_", "seen_", "total_", "descriptors_", "groups_")
_COLUMNS = 4096  # pixels handled at a time, so that temporaries stay in the cache


def bank_rows(n: int, shape: tuple[int, ...], kinds: int = 2) -> npt.NDArray[np.int64]:
    """Rows, evenly spaced, of the slices that fit into the bank's limits.

    Parameters
    ----------
    n : int
        Number of slices.
    shape : (int, int, int)
        Planes, height and width of a slice.
    kinds : int, default=2
        Kinds of evidence: 2 with symmetry, else 1.

    Returns
    -------
    int array
        At most 512 rows, and no more than take 256 MiB.

    Examples
    --------
    >>> len(bank_rows(10_000, (2, 128, 128))), len(bank_rows(7, (2, 128, 128)))
    (512, 7)
    """
    slice_bytes = 4 * kinds * int(np.prod(shape))
    most = max(2, min(BANK_SLICES, BANK_BYTES // slice_bytes))
    return evenly_spaced(n, most)


class ReferenceBank(Neighbours, ZScore):
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
    floor bound z where few slices were observed or values hardly vary.
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
        """Keep evidence ``(m, kinds, n_planes, h, w)``, descriptors and patients of slices."""
        self.know(descriptors, groups)
        self.box_ = _box(~np.isnan(evidence[:, 0]))
        values = self._within_box(evidence)
        count = self.seen_.sum(axis=0, dtype=np.float32)
        self.center_ = np.zeros(evidence.shape[1:], np.float32)
        if self.reference is not None:  # else the unit is the root mean square
            self.center_[self._boxed] = values.sum(axis=0) / np.maximum(count, 1)
        self._keep(values)
        pixels = np.maximum(count.sum(axis=(-2, -1), dtype=np.float64), 1)
        power = self.total_[2].sum(axis=(-2, -1)) / pixels
        self.pooled_sd_ = np.vectorize(positive)(np.sqrt(power)).astype(np.float32)
        return self

    def remember(
        self,
        evidence: npt.NDArray[np.float32],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64],
    ) -> None:
        """Take back what `forgetful` left out: what `fit` was given."""
        self.descriptors_, self.groups_ = descriptors, groups
        self._keep(self._within_box(evidence))

    def forgetful(self) -> ReferenceBank:
        """A copy without slices, which `remember` completes again."""
        small = copy(self)
        for name in _OF_SLICES:
            delattr(small, name)
        return small

    def _within_box(self, evidence: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.seen_ = np.ascontiguousarray(~np.isnan(evidence[:, 0])[self._boxed])
        return np.where(self.seen_[:, None], evidence[self._boxed], np.float32(0))

    def _keep(self, values: npt.NDArray[np.float32]) -> None:
        values -= self.center_[self._boxed]
        values *= self.seen_[:, None]
        self.values_ = values
        self._add_up()

    @property
    def n_nearest(self) -> int | None:
        """`n_neighbors` of a similar reference; all slices otherwise."""
        return self.n_neighbors if self.reference == "similar" else None

    def _add_up(self) -> None:
        """Sums over all slices, from which those of few slices can be taken."""
        self.total_ = (
            self.seen_.sum(axis=0, dtype=np.float32),
            self.values_.sum(axis=0, dtype=np.float64),
            sum(np.square(row, dtype=np.float64) for row in self.values_),
        )

    def _sums(
        self, kept: npt.NDArray[np.bool_], planes: npt.NDArray[np.int64]
    ) -> Iterator[npt.NDArray[Any]]:
        """Sums over the slices that a sample is compared with.

        Added slice by slice, for each sample by itself: a product of matrices would be no faster,
        since few slices are kept, and its last digits would depend on the other samples.
        """
        rest = 2 * np.count_nonzero(kept) > len(kept)  # then subtracting is less work
        rows = np.flatnonzero(kept != rest)
        values, seen = (part.reshape(*part.shape[:-2], -1) for part in (self.values_, self.seen_))
        first = np.empty((values.shape[1], len(planes), values.shape[3]), np.float32)
        second = np.empty_like(first)
        for kind, k in np.ndindex(first.shape[:2]):
            for start in range(0, first.shape[2], _COLUMNS):
                part = slice(start, start + _COLUMNS)
                chosen = values[rows, kind, planes[k], part]
                np.add.reduce(chosen, axis=0, out=first[kind, k, part])
                np.add.reduce(np.square(chosen, out=chosen), axis=0, out=second[kind, k, part])
        few = seen[rows] if len(planes) == seen.shape[1] else seen[rows[:, None], planes]
        count = np.add.reduce(few.view(np.uint8), axis=0, dtype=np.uint16)
        for added, whole in zip((count, first, second), self.total_, strict=True):
            total = whole[..., planes, :, :] if rest else None
            added = added.reshape(*added.shape[:-1], *whole.shape[-2:])
            yield added if total is None else total - added


def _box(seen: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """First row and the row behind the last that any slice was seen at; the same of the columns."""
    y, x = (np.flatnonzero(seen.any(axis=axes)) for axes in ((0, 1, 3), (0, 1, 2)))
    return (int(y[0]), int(y[-1]) + 1, int(x[0]), int(x[-1]) + 1) if len(y) else (0, 0, 0, 0)
