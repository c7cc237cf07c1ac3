"""The uptake in PET on a common scale."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import Constraints, OneOf, number
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import Roles, planes_with
from ctmri_detect.validation import listed


class PETScaler(BasePairedTransformer):
    """Bring the PET planes of each sample to 0..1, as shares of a reference uptake.

    A standardised uptake value (SUV, g/mL) is the activity in a pixel, divided by the injected
    dose for each gram of the body. It still differs far more between people than between parts of
    one brain: with blood sugar, with the time since the injection, with the scanner. So brain PET
    is commonly divided by a reference, here the mean of the observed pixels of that slice
    ("proportional scaling"). The result is then the same for SUV, Bq/mL and counts.

    The equation: ``x / (most * reference)``, clipped to 0..1.

    When it works: on slices in which most of the brain is healthy, after `BrainMask` (else air and
    scalp are part of the mean).

    When it fails: disease that lowers the uptake of much of the slice lowers the mean, too. It
    then hides part of itself, and healthy tissue looks brighter. Each slice of a head has its own
    mean: slices with much white matter get brighter. If you have the mean of a whole brain or of a
    reference region (pons, cerebellum), divide by it first and set ``reference=1``. With tracers
    that a healthy brain hardly takes up (amino acids, amyloid), the mean depends on the lesion.
    What scaling does to detection in PET has not been measured here.

    Parameters
    ----------
    reference : "mean" or float, default="mean"
        What the uptake is divided by. "mean": in each sample, the mean of the plane's observed
        pixels. A number above 0, in the unit of X: the same for all samples, which keeps the
        absolute uptake; for SUV of FDG in the brain, 5 to 8.
    most : float, default=3.0
        The uptake that becomes 1, in multiples of the reference, above 0; higher uptake is
        clipped. A larger number keeps differences between hot lesions, and costs contrast
        elsewhere.

    References
    ----------
    Proportional scaling, there called ratio: S. Arndt et al., "Normalizing counts and cerebral
    blood flow intensity in functional imaging studies of the human brain", NeuroImage 3 (1996).
    When the mean of the brain misleads: P. Borghammer et al., "Data-driven intensity normalization
    of PET group comparison studies is superior to global mean normalization", NeuroImage 46 (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect import Pairs
    >>> from ctmri_detect.preprocessing import PETScaler
    >>> X = Pairs(np.array([[[[2.0, 4.0, 6.0]]]]), modalities=("PET",))
    >>> np.asarray(PETScaler(most=2).fit_transform(X))[0, 0].tolist()
    [[0.25, 0.5, 0.75]]
    >>> np.asarray(PETScaler(reference=8, most=2).fit_transform(X))[0, 0].tolist()
    [[0.125, 0.25, 0.375]]
    """

    traits = Traits(threadsafe=True, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "reference": [OneOf("mean"), number(above=0)],
        "most": [number(above=0)],
    }

    def __init__(self, *, reference: str | float = "mean", most: float = 3.0) -> None:
        self.reference = reference
        self.most = most

    def _transform_planes(self, X: NDArray[np.float32], roles: Roles) -> NDArray[np.float32]:
        out = X.astype(np.float32)
        wrong = set()
        for modality in planes_with(roles, "pet"):
            for i, plane in enumerate(out[:, modality]):
                if not self._scale(plane):
                    wrong.add(i)
        if wrong:
            raise InvalidPairsError(
                f"The mean of a plane with the role 'pet' is not above 0 in {len(wrong)} samples "
                f"({listed(sorted(wrong))}); expected an uptake, such as SUV. Give PET that "
                "was not standardised before; if the plane is no PET, say its role: "
                "Pairs(X, roles={'its name': 'mri'})."
            )
        return out

    def _scale(self, plane: NDArray[np.float32]) -> bool:
        """Scale one plane in place; False where its mean is not above 0."""
        observed = np.isfinite(plane)
        values = plane[observed]
        if not values.any():  # missing, or without any uptake
            return True
        reference = self.reference
        if isinstance(reference, str):
            reference = float(values.mean(dtype=np.float64))
            if reference <= 0:
                return False
        plane[observed] = np.clip(values / np.float32(self.most * reference), 0, 1)
        return True
