"""Less noise in the observed pixels."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import median
from skimage.morphology import disk
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from ctmri_detect._parameters import Constraints, OneOf, number
from ctmri_detect.imageops.gaps import fill_nearest
from ctmri_detect.preprocessing._planes import IS_PLANES, PlaneFilter

NOISE_FILTER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
"""0 on flat areas, slopes, and horizontal or vertical edges; multiplies the noise SD by 6."""

METHODS = ("nlm", "tv", "median")


class Denoiser(PlaneFilter):
    """Reduce the noise of each plane, in proportion to the noise that the plane has.

    Non-local means averages pixels whose surroundings look alike and keeps thin structures
    best. Total variation prefers flat areas with sharp edges. The median removes single outlying
    pixels. The noise is estimated in each plane by itself, so gain and offset don't matter; the
    median needs no estimate. Pixels that were not observed stay NaN; for their neighbours, each
    counts as a copy of the nearest observed pixel.

    When it fails: small lesions of low contrast look like noise to all of these methods. Check on
    lesions of the size you look for. The noise of a plane that was smoothed or interpolated before
    is correlated, and the estimate is then too low.

    Parameters
    ----------
    method : {"nlm", "tv", "median"}, default="nlm"
        Non-local means, total variation or median, see above.
    strength : float, default=1.0
        Above 0. Higher is smoother, and removes more of small lesions. For "nlm" and "tv" in units
        of the estimated noise; for "median" the radius of the window in pixels, rounded, at least
        1; a larger radius takes longer.
    planes : {"all", "ct", "mri", "pet"}, default="all"
        Which planes are changed: those of one role, or all. "both" means "all".

    References
    ----------
    Non-local means: A. Buades, B. Coll, J.-M. Morel, CVPR 2005, as in scikit-image, with the
    filter parameter 0.8 times the noise SD that its documentation proposes. Total variation:
    A. Chambolle, J. Math. Imaging Vision 20 (2004). Noise: J. Immerkaer, "Fast noise variance
    estimation", CVIU 64 (1996), with the median of the absolute responses in place of the mean.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import Denoiser
    >>> X = np.random.default_rng(0).normal(size=(1, 2, 48, 48))
    >>> X[..., 24:] += 20
    >>> out = Denoiser().transform(X)
    >>> bool(out[..., :20].std() < 0.5 * X[..., :20].std())
    True
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "method": [OneOf(*METHODS)],
        "strength": [number(above=0)],
        "planes": [IS_PLANES],
    }

    def __init__(self, method: str = "nlm", *, strength: float = 1.0, planes: str = "all") -> None:
        self.method = method
        self.strength = strength
        self.planes = planes

    def _change(
        self, plane: NDArray[np.float32], observed: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        filled = fill_nearest(plane, observed)
        if self.method == "median":
            return median(filled, disk(max(1, round(self.strength))), mode="nearest")
        sigma = noise_sd(filled, observed)
        if sigma == 0:
            return plane
        # in units of the noise and centred on 0, so that float32 sums of squares stay exact enough
        middle = np.median(filled[observed])
        scaled = (filled - middle) / np.float32(sigma)
        if self.method == "tv":
            smooth = denoise_tv_chambolle(scaled, weight=self.strength)
        else:
            smooth = denoise_nl_means(
                scaled,
                patch_size=5,
                patch_distance=6,
                h=0.8 * self.strength,
                sigma=1.0,
                fast_mode=True,
            )
        return (smooth * sigma + middle).astype(np.float32)


def noise_sd(plane: NDArray[np.float32], observed: NDArray[np.bool_]) -> float:
    """Standard deviation of the noise of one plane, in the unit of the plane.

    Parameters
    ----------
    plane : float32 array of shape (height, width)
        Without gaps.
    observed : bool array of shape (height, width)
        Where to look; only pixels whose eight neighbours were observed count.

    Returns
    -------
    float
        0 where no pixel counts, or more than half of them lie in flat areas.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing.denoise import noise_sd
    >>> plane = np.random.default_rng(0).normal(100, 3, (64, 64)).astype(np.float32)
    >>> round(noise_sd(plane, np.ones((64, 64), bool)), 1)
    3.0
    """
    centred = plane - np.median(plane[observed])
    response = cv2.filter2D(centred, cv2.CV_32F, NOISE_FILTER)
    inner = cv2.erode(
        observed.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )  # fmt: skip
    responses = np.abs(response[inner.astype(bool)])
    # 0.6745: median of the absolute value of a standard normal variable
    return float(np.median(responses)) / (6 * 0.6745) if responses.size else 0.0
