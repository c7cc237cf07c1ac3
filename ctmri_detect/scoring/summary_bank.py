"""Banks that group similar slices, to keep statistics of the groups instead of slices.

What is left of a patient in a `SummaryBank`: shares of sums over a group of slices, each number
over slices of at least five patients, and the mean of the group's small images (24 x 24
pixels). No image of one patient is kept. This is no formal guarantee such as differential
privacy: who knows all slices of a group but one patient's can compute that patient's share. Where
the patients are not named in `fit`, rows stand for patients, and five of these may be one
patient. Besides, a detector keeps the score of each held-out slice, hashes of training slices and
of names, and its model, which may hold more (a nearest-neighbour model holds features of slices).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.similar import squared_distances
from ctmri_detect.scoring.reference import ReferenceBank
from ctmri_detect.scoring.z_score import ZScore

LEAST_PATIENTS = 5  # whose slices are in each number that is kept
GROUP_SLICES = 8  # least slices of a group; several groups make up one reference


class SummaryBank(ZScore):
    """Statistics of groups of healthy slices, and the z-score of new evidence against them.

    The formula is that of `ReferenceBank`. A sample is compared with the groups whose mean
    descriptors are nearest to its own, so many that they hold `n_neighbors` slices together; or
    with all of them (``reference="position"``). It doesn't know whose slices they are, so `groups`
    are ignored: a slice of the bank is a part of its own reference.

    Parameters
    ----------
    bank : GroupedBank
        Fitted.
    """

    def __init__(self, bank: GroupedBank) -> None:
        self.reference, self.n_neighbors = bank.reference, bank.n_neighbors
        self.center_, self.pooled_sd_, self.box_ = bank.center_, bank.pooled_sd_, bank.box_
        self.descriptor_scale_ = bank.descriptor_scale_
        members = bank.members_
        self.slices_ = members.sum(axis=1)
        self.descriptors_ = _means(members, bank.descriptors_, self.slices_)
        sums = [tuple(bank.sums_of(chosen)) for chosen in members]
        self.count_, self.first_, self.second_ = (
            np.stack(part).astype(kind)
            for part, kind in zip(zip(*sums, strict=True), ("u2", "f4", "f4"), strict=True)
        )

    def weights(
        self, descriptors: npt.NDArray[np.float64], groups: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Which groups of slices each sample is compared with: 1 or 0, ``(n, n_groups)``."""
        distance = squared_distances(descriptors, self.descriptors_, self.descriptor_scale_)
        return np.stack([_nearest(row, self.slices_, self.n_neighbors) for row in distance])

    def _sums(
        self, kept: npt.NDArray[np.bool_], planes: npt.NDArray[np.int64]
    ) -> Iterator[npt.NDArray[Any]]:
        for part in (self.count_, self.first_, self.second_):
            yield part[kept].sum(axis=0, dtype=np.float32)[..., planes, :, :]


class GroupedBank(ReferenceBank):
    """Slices in groups of similar ones; `summary` keeps the statistics of the groups.

    While the slices are there, it leaves out those of a sample's own patient, as `ReferenceBank`
    does: from the sums, and from the mean descriptors by which the nearest groups are found. The
    groups themselves are made from all slices.
    """

    def fit(
        self,
        evidence: npt.NDArray[np.float32],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64],
    ) -> GroupedBank:
        """Keep evidence ``(m, kinds, n_planes, h, w)``, descriptors and patients of slices."""
        n_patients = len(np.unique(groups))
        if n_patients < LEAST_PATIENTS:
            raise InvalidPairsError(
                f"The reference slices are of {n_patients} patient(s); bank='summary' needs "
                f"{LEAST_PATIENTS} or more, or its statistics would show single patients. Fit on "
                "more patients, set cross_fit=True if a quarter of them is held out, or keep "
                "the slices: bank='slices'."
            )
        super().fit(evidence, descriptors, groups)
        image, mask = descriptors[:, :, 0], descriptors[:, :, 1]
        unit = np.stack([image / self.descriptor_scale_[:, None, None], mask], axis=2)
        every = np.arange(len(groups))
        whole = self.reference != "similar"
        parts = [every] if whole else list(_halved(unit.reshape(len(unit), -1), self.groups_))
        self.members_ = np.stack([np.isin(every, part) for part in parts])
        self._forget_where_few_patients_were_seen()
        return self

    def _forget_where_few_patients_were_seen(self) -> None:
        """Take slices out of the sums where their group has slices of too few patients."""
        few = self._patients_seen(np.full(len(self.groups_), True)) < LEAST_PATIENTS
        self.center_[self._boxed][:, few] = 0
        for chosen in self.members_:
            self.seen_[chosen] &= self._patients_seen(chosen) >= LEAST_PATIENTS
        self.values_ *= self.seen_[:, None]
        self._add_up()

    def _patients_seen(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Of how many patients a chosen slice was observed, at each place."""
        count = np.zeros(self.seen_.shape[1:], np.int64)
        for patient in np.unique(self.groups_[chosen]):
            count += self.seen_[chosen & (self.groups_ == patient)].any(axis=0)
        return count

    def weights(
        self, descriptors: npt.NDArray[np.float64], groups: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Which bank slices each sample is compared with: 1 or 0, ``(n, m)``.

        All slices of its nearest groups, except those of its own patient.
        """
        distance = squared_distances(descriptors, self.descriptors_, self.descriptor_scale_)
        own = self.own(descriptors, groups, distance)
        weights = np.zeros(own.shape)
        for i, left_out in enumerate(own):
            members = self.members_ & ~left_out
            slices = members.sum(axis=1)
            means = _means(members, self.descriptors_, slices)
            far = squared_distances(descriptors[i : i + 1], means, self.descriptor_scale_)[0]
            far[slices == 0] = np.inf
            weights[i] = _nearest(far, slices, self.n_neighbors) @ members
        return weights

    def sums_of(self, chosen: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[Any]]:
        """Number of slices, sum and sum of squares of their evidence at each place of the box."""
        return self._sums(chosen, np.arange(self.seen_.shape[1]))

    def summary(self) -> SummaryBank:
        """The statistics, without the slices."""
        return SummaryBank(self)


def _means(
    members: npt.NDArray[np.bool_],
    descriptors: npt.NDArray[np.float64],
    slices: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Mean descriptor of each group."""
    total = members.astype(np.float64) @ descriptors.reshape(len(descriptors), -1)
    mean = total / np.maximum(slices, 1)[:, None]
    return np.asarray(mean.reshape(len(members), *descriptors.shape[1:]))


def _nearest(
    distance: npt.NDArray[np.float64], slices: npt.NDArray[np.int64], enough: int
) -> npt.NDArray[np.float64]:
    """1 for the nearest groups that hold enough slices together, else 0."""
    order = np.argsort(distance, kind="stable")
    last = np.searchsorted(np.cumsum(slices[order]), enough)
    weights = np.zeros(len(distance))
    weights[order[: last + 1]] = 1
    return weights


def _halved(
    points: npt.NDArray[np.float64], groups: npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of groups of near points: cut at the median of the direction in which they vary most.

    Cut again and again, as long as both halves hold enough slices and patients.
    """
    waiting = [np.arange(len(points))]
    while waiting:
        rows = waiting.pop()
        around = points[rows] - points[rows].mean(axis=0)
        gram = around @ around.T
        order = rows[np.argsort(np.linalg.eigh(gram)[1][:, -1], kind="stable")]
        halves = np.split(order, [len(rows) // 2])
        if all(
            len(half) >= GROUP_SLICES and len(np.unique(groups[half])) >= LEAST_PATIENTS
            for half in halves
        ):
            waiting.extend(halves)
        else:
            yield rows
