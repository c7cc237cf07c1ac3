"""Grey values of all samples brought to one learned histogram."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import Constraints, percentiles
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import Roles
from ctmri_detect.preprocessing._planes import IS_PLANES, named_planes, units_after
from ctmri_detect.validation import PairReader, listed

DECILES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)


class HistogramStandardizer(BasePairedTransformer):
    """Map each sample's grey values so that its landmarks become those learned in `fit`.

    `MRIScaler` matches median and spread; this step matches the shape of the histogram, too, so
    that a tissue has about the same value in all samples, also across scanners. A landmark is a
    percentile of the observed pixels. `fit` brings the landmarks of each training sample to 0..1
    (the lowest becomes 0, the highest 1) and averages them over the samples. `transform` maps each
    sample's own landmarks to these averages, linearly in between. Beyond the outer landmarks the
    mapping goes on with its mean slope, so that a lesion brighter than all else stays brighter.
    The mapping never falls, and the result does not depend on gain (above 0) and offset of the
    input. It is not clipped to 0..1.

    When it works: where all samples hold about the same share of each tissue, after `BrainMask`
    (else air sets half of the landmarks).

    When it fails: a lesion, or a slice with much fluid, changes the landmarks, and the mapping
    then changes healthy tissue. Where slices range from skull base to vertex, `MRIScaler` is the
    safer choice.

    Parameters
    ----------
    planes : {"mri", "ct", "pet", "all"}, default="mri"
        Which planes are mapped: those of one role, or all ("both" means "all"). Each plane has
        landmarks of its own. CT in Hounsfield units has a scale of its own and seldom needs it.
    percentiles : sequence of float, default=(1, 10, 20, ..., 90, 99)
        The landmarks: at least two rising numbers from 0 to 100. More of them follow the histogram
        more closely, also where a lesion changed it.

    Attributes
    ----------
    landmarks_ : float64 array of shape (n_planes, n_percentiles)
        The learned value of each landmark; NaN for a plane that is left as it is.

    References
    ----------
    L. G. Nyúl, J. K. Udupa, X. Zhang, "New variants of a method of MRI scale
    standardization", IEEE Trans. Medical Imaging 19 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import HistogramStandardizer
    >>> X = np.random.default_rng(0).gamma(2.0, size=(8, 2, 16, 16))
    >>> X[4:, 1] = 100 + 30 * X[4:, 1]  # another scanner
    >>> out = HistogramStandardizer().fit_transform(X)
    >>> [round(float(np.median(part)), 1) for part in (out[:4, 1], out[4:, 1])]
    [0.2, 0.2]
    """

    traits = Traits(threadsafe=True, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "planes": [IS_PLANES],
        "percentiles": [percentiles("at least two rising numbers from 0 to 100")],
    }

    def __init__(self, *, planes: str = "mri", percentiles: tuple[float, ...] = DECILES) -> None:
        self.planes = planes
        self.percentiles = percentiles

    def _fit(self, X: PairReader) -> None:
        landmarks = np.full((X.shape[1], len(self.percentiles)), np.nan)
        chosen = named_planes(self.planes, X.roles)
        found: dict[int, list[NDArray[np.float64]]] = {plane: [] for plane in chosen}
        for block in X.blocks():
            for pair in block:
                for modality, known in found.items():
                    known.extend(self._shape_of(pair[modality]))
        for modality, known in found.items():
            if not known:
                name = X.modalities[modality]
                raise InvalidPairsError(
                    f"No sample of X has {name} values that differ, so there is no histogram to "
                    f"learn; expected some. Give pairs with {name}, or another `planes` than "
                    f"{self.planes!r}."
                )
            landmarks[modality] = np.mean(known, axis=0)
        self.landmarks_ = landmarks

    def _shape_of(self, plane: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        """The plane's landmarks brought to 0..1, in a list; empty where it has none."""
        values = plane[np.isfinite(plane)].astype(np.float64)
        if values.size == 0:
            return []
        own = np.percentile(values, self.percentiles)
        return [(own - own[0]) / (own[-1] - own[0])] if own[-1] > own[0] else []

    def _units_after(self, ct_units: str | None) -> str | None:
        return units_after(self.planes, ct_units)

    def _transform_planes(self, X: NDArray[np.float32], roles: Roles) -> NDArray[np.float32]:
        out, chosen = X.astype(np.float32), named_planes(self.planes, roles)
        learned = np.flatnonzero(np.isfinite(self.landmarks_).all(axis=1))
        if len(roles) != len(self.landmarks_) or list(chosen) != list(learned):
            raise InvalidPairsError(
                f"X has {len(roles)} planes with the roles {', '.join(map(str, roles))}; expected "
                f"those of the fit, {len(self.landmarks_)} planes, of which {listed(learned)} have "
                "learned landmarks. Give the planes of the fit in the same order: "
                "X.select(modalities)."
            )
        for modality in chosen:
            for plane in out[:, modality]:
                observed = np.isfinite(plane)
                if observed.any():
                    values = plane[observed].astype(np.float64)
                    own = np.percentile(values, self.percentiles)
                    plane[observed] = _mapped(values, own, self.landmarks_[modality])
        return out


def _mapped(
    values: NDArray[np.float64], own: NDArray[np.float64], standard: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Piecewise linear from `own` to `standard`, with the mean slope beyond the ends."""
    knots, where = np.unique(own, return_inverse=True)
    # equal percentiles (where much of a slice has one value) get the mean of their targets
    targets = np.bincount(where, standard) / np.bincount(where)
    reach = knots[-1] - knots[0]
    slope = (targets[-1] - targets[0]) / reach if reach > 0 else 1 / (np.ptp(values) or 1)
    beyond = np.minimum(values - knots[0], 0) + np.maximum(values - knots[-1], 0)
    return np.interp(values, knots, targets) + slope * beyond
