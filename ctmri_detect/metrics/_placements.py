"""DeLong's placement values, whose mean is the AUROC, and the variance of this mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from ctmri_detect._types import GroupsLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_groups

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placements:
    """For each sample, how many of the other class it is ranked correctly against; ties are half.

    `anomalous[i]` counts the normal samples that score above anomalous sample i, `normal[j]` the
    anomalous ones that score below normal sample j. They are kept as counts, whose sums are exact,
    so that equal methods differ by exactly 0.
    """

    anomalous: Float
    normal: Float

    @classmethod
    def of(cls, anomalous: npt.NDArray[np.bool_], decision: Float) -> Placements:
        """Counts from mid-ranks (Sun and Xu 2014): sorting instead of all pairs."""
        odd, fine = -decision[anomalous], -decision[~anomalous]
        ranks = rankdata(np.concatenate([odd, fine]))
        below = ranks[: len(odd)] - rankdata(odd)
        above = len(odd) - (ranks[len(odd) :] - rankdata(fine))
        return cls(below, above)

    def __sub__(self, other: Placements) -> Placements:
        return Placements(self.anomalous - other.anomalous, self.normal - other.normal)

    @property
    def area(self) -> float:
        """The AUROC, or the difference of two."""
        return float(self.anomalous.sum() / (len(self.anomalous) * len(self.normal)))

    def variance(self, codes: npt.NDArray[np.int64], anomalous: npt.NDArray[np.bool_]) -> float:
        """Variance of `area`, where samples of equal code are one patient (Obuchowski 1997).

        With one sample per patient, this is DeLong's variance.
        """
        n_odd, n_fine, n_patients = len(self.anomalous), len(self.normal), int(codes.max()) + 1
        odd = _deviations(self.anomalous, codes[anomalous], n_patients) / (n_odd * n_fine)
        fine = _deviations(self.normal, codes[~anomalous], n_patients) / (n_odd * n_fine)
        with_odd = len(np.unique(codes[anomalous]))
        with_fine = len(np.unique(codes[~anomalous]))
        return float(
            with_odd / (with_odd - 1) * (odd**2).sum()
            + with_fine / (with_fine - 1) * (fine**2).sum()
            + 2 * n_patients / (n_patients - 1) * (odd * fine).sum()
        )


def _deviations(counts: Float, codes: npt.NDArray[np.int64], n_patients: int) -> Float:
    """Sum over each patient's samples of how far they are from the mean of all samples."""
    summed = np.bincount(codes, weights=counts - counts.mean(), minlength=n_patients)
    return summed.astype(np.float64)


def patients_of(groups: GroupsLike, anomalous: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Codes of the patients (without `groups`: of the samples); at least two of each class."""
    n = len(anomalous)
    codes = np.arange(n) if groups is None else check_groups(groups, n)
    odd, fine = len(np.unique(codes[anomalous])), len(np.unique(codes[~anomalous]))
    if min(odd, fine) < 2:
        units = "sample(s)" if groups is None else "patient(s)"
        raise InvalidPairsError(
            f"There are {odd} {units} with an anomaly and {fine} with a normal slice; expected at "
            "least 2 of each, better twenty, to estimate a variance. Add patients, or report the "
            "difference without a test."
        )
    return codes
