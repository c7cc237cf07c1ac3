"""Which known slices are most like a slice, and which of them may be of its own patient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.similar import squared_distances

_NEAR = 0.05  # relative distance up to which two slices are of one patient. In the development
# phantom and real pairs (benchmarks/near_slices.py), copies in 8 bits or scaled by 1 % lie within
# .01, other slices of a patient from .10, slices of two patients from .15
_EQUAL = 1e-5  # the same for copies, where even different patients' slices are that near


class Neighbours:
    """Known slices, found again by their descriptors (see `imageops.similar`).

    Attributes
    ----------
    descriptors_ : float64 array (m, n_planes, 2, 24, 24)
    groups_ : int array (m,)
        Codes of their patients.
    descriptor_scale_ : float64 array (n_planes,)
        Spread of the intensities of each plane.
    near_ : float
        Relative distance up to which two slices are taken for one patient's.
    """

    groups_: npt.NDArray[np.int64]
    descriptors_: npt.NDArray[np.float64]
    descriptor_scale_: npt.NDArray[np.float64]
    near_: float

    @property
    def n_nearest(self) -> int | None:
        """How many slices a slice is compared with; None for all."""
        raise NotImplementedError

    def know(self, descriptors: npt.NDArray[np.float64], groups: npt.NDArray[np.int64]) -> None:
        """Keep the descriptors and the patients of slices."""
        self.groups_, self.descriptors_ = np.asarray(groups), descriptors
        image, mask = descriptors[:, :, 0], descriptors[:, :, 1]
        spread = [image[:, p][mask[:, p] > 0] for p in range(image.shape[1])]
        self.descriptor_scale_ = np.array([positive(s.std() if s.size else 0.0) for s in spread])
        self.near_ = self._nearness()

    def weights(
        self, descriptors: npt.NDArray[np.float64], groups: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Which bank slices each sample is compared with: 1 or 0, ``(n, m)``.

        Left out are slices of the sample's own patient, as `groups` say it, and of patients with a
        slice that is nearly the same. If that leaves none, the whole bank is used.
        """
        distance = squared_distances(descriptors, self.descriptors_, self.descriptor_scale_)
        own = self.own(descriptors, groups, distance)
        weights = np.where(own, 0, 1).astype(np.float64)
        if self.n_nearest is not None:
            order = np.argsort(np.where(own, np.inf, distance), axis=1, kind="stable")
            np.put_along_axis(weights, order[:, self.n_nearest :], 0, axis=1)
        return weights

    def own(
        self,
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None,
        distance: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.bool_]:
        """Which bank slices may be of each sample's own patient: bool ``(n, m)``; none if all may.

        `distance` are the squared distances of the descriptors.
        """
        power = squared_distances(descriptors, self._nothing, self.descriptor_scale_)
        if groups is None:
            own = np.zeros(distance.shape, dtype=bool)
        else:
            own = groups[:, None] == self.groups_
        for i, j in np.argwhere(distance <= self.near_**2 * power):
            own[i] |= self.groups_ == self.groups_[j]
        return own & ~own.all(axis=1, keepdims=True)

    @property
    def _nothing(self) -> npt.NDArray[np.float64]:
        return np.zeros_like(self.descriptors_[:1])

    def _nearness(self) -> float:
        """The relative distance up to which two slices are taken for one patient's.

        Half of the distance that only 1 % of the bank's slices fall below to another patient's
        slice: where different heads are that alike, nearness says nothing.
        """
        distance = squared_distances(self.descriptors_, self.descriptors_, self.descriptor_scale_)
        power = squared_distances(self.descriptors_, self._nothing, self.descriptor_scale_)
        distance[self.groups_[:, None] == self.groups_] = np.inf
        nearest = np.sqrt(distance.min(axis=1) / np.maximum(power[:, 0], 1e-12))
        return float(np.clip(np.quantile(nearest, 0.01) / 2, _EQUAL, _NEAR))


def positive(value: float) -> float:
    """A usable divisor: the value, or 1 where nothing varies at all."""
    return float(value) if value > 1e-6 else 1.0
