"""Remove the slow shading of an MRI."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect._parameters import Constraints, integer
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.modalities import Roles, planes_with
from ctmri_detect.preprocessing._planes import filter_observed

LEAST_PIXELS = 256
"""Observed pixels after shrinking; with fewer, a field can't be told from anatomy."""


class BiasFieldCorrector(BasePairedTransformer):
    """Divide each MRI plane by its bias field, which N4 estimates for each plane by itself.

    Tissue near a coil looks brighter, so that the same tissue differs across the head. N4 looks
    for the smooth factor whose removal makes the histogram sharpest. The field has the geometric
    mean 1 over the observed pixels, so the mean brightness stays. CT and PET are left as they are.

    When it fails: a large lesion, or anatomy that is as smooth as shading, is partly removed with
    the field. The field is a factor of the raw values: put this step before `MRIScaler`, and after
    `BrainMask`, which keeps air and skull out. Pixels at 0 or below are not used.
    A plane with fewer than 256 observed pixels after shrinking stays as it is.

    On phantoms (256 px, T1) with a field of 30 % to either side, white matter varied by 9 %
    before and 3.2 % after (2.8 % without any field); 3 levels were worse than 2 (3.9 %).

    Needs SimpleITK: ``pip install "ctmri_detect[itk]"``.

    Parameters
    ----------
    shrink : int, default=2
        The field is estimated on every `shrink`-th pixel, at least 1. Higher is faster and uses
        fewer pixels.
    levels : int, default=2
        Number of resolutions of the field, at least 1. Each doubles the number of control points.
        More follow finer shading, take longer, and remove some anatomy, too.
    n_iterations : int, default=50
        Largest number of iterations at each resolution, at least 1. More take longer.

    References
    ----------
    N. J. Tustison et al., "N4ITK: improved N3 bias correction", IEEE Trans. Medical Imaging 29
    (2010).

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import BiasFieldCorrector
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> tissue = np.where(np.hypot(y, x) < 0.5, 100.0, 60.0)
    >>> X = np.stack([tissue, tissue * np.exp(0.3 * x)])[None]
    >>> X[:, :, np.hypot(y, x) > 0.9] = np.nan
    >>> out = BiasFieldCorrector().transform(X)
    >>> white = tissue == 100
    >>> bool(out[0, 1][white].std() < 0.2 * X[0, 1][white].std())
    True
    """

    traits = Traits(threadsafe=True, missing_modality=True)
    _block = 1  # one sample alone takes long
    _parameter_constraints: ClassVar[Constraints] = {
        "shrink": [integer(1)],
        "levels": [integer(1)],
        "n_iterations": [integer(1)],
    }

    def __init__(self, *, shrink: int = 2, levels: int = 2, n_iterations: int = 50) -> None:
        self.shrink = shrink
        self.levels = levels
        self.n_iterations = n_iterations

    def _transform_planes(self, X: NDArray[np.float32], roles: Roles) -> NDArray[np.float32]:
        sitk = require("SimpleITK", extra="itk")
        out = X.astype(np.float32)
        for modality in planes_with(roles, "mri"):
            for plane in out[:, modality]:
                filter_observed(plane, lambda part, seen: self._correct(sitk, part, seen))
        return out

    def _correct(
        self, sitk: Any, plane: NDArray[np.float32], observed: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        usable = observed & (plane > 0)
        few = usable[:: self.shrink, :: self.shrink].sum() < LEAST_PIXELS
        if few or plane[usable].min() == plane[usable].max():
            return plane
        # brought to a mean of 1: N4 ignores values below an absolute floor
        values = np.where(usable, plane / plane[usable].mean(), 1).astype(np.float32)
        image = sitk.GetImageFromArray(values)
        mask = sitk.GetImageFromArray(usable.astype(np.uint8))
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetNumberOfThreads(1)  # sums in one order give one result
        n4.SetNumberOfWorkUnits(1)
        n4.SetMaximumNumberOfIterations([self.n_iterations] * self.levels)
        factors = [self.shrink, self.shrink]
        n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
        log_field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image))
        log_field -= log_field[observed].mean()
        return plane / np.exp(log_field).astype(np.float32)
