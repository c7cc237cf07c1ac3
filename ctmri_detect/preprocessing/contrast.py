"""Local contrast."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import Constraints, integer, number
from ctmri_detect.preprocessing._planes import IS_PLANES, PlaneFilter, fill_alike, units_after

LEAST_TILE = 16
"""Pixels along the side of a tile. A tile of 16 x 16 pixels has a mean of 1 in each of 256 bins.
The limit is a whole number of pixels of at least 1, so that in smaller tiles it means nothing."""


class CLAHE(PlaneFilter):
    """Contrast-limited adaptive histogram equalisation of the observed pixels.

    The observed area is divided into tiles. Each tile's histogram is flattened as far as the limit
    allows, and between tiles the values are interpolated. The plane keeps its own minimum and
    maximum. Pixels that were not observed stay NaN. In the histogram of a tile, values drawn from
    all observed pixels stand in for them, so a tile half outside the head is equalised half as the
    whole head would be.

    When it works: it shows a reader structures of low contrast. Use it before a detector only
    where a validation shows better scores.

    When it fails: it makes grey values relative to their surroundings. A lesion larger than a tile
    loses contrast, values can't be compared between places or patients, and noise in flat areas
    grows. Grey values are counted in 256 steps between the plane's minimum and maximum, so put
    `CTWindow` before it.

    Parameters
    ----------
    clip_limit : float, default=2.0
        Largest count in a bin of a tile's histogram, as a multiple of the mean count, above 0.
        Higher gives more contrast and more noise.
    tiles : int, default=8
        Tiles along height and width of the observed area, at least 1; fewer where a tile would
        be smaller than 16 pixels. More tiles follow smaller structures, and amplify more noise.
    planes : {"mri", "ct", "pet", "all"}, default="mri"
        Which planes are changed: those of one role, or all. "both" means "all".

    References
    ----------
    K. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV (1994),
    as implemented in OpenCV.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import CLAHE
    >>> X = np.random.default_rng(0).normal(100, 5, size=(1, 2, 64, 64))
    >>> X[:, :, 0] = 300  # one bright row holds most of the range
    >>> out = CLAHE().transform(X)
    >>> bool(out[0, 1, 1:].std() > 2 * X[0, 1, 1:].std()), float(out[0, 1].max())
    (True, 300.0)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "clip_limit": [number(above=0)],
        "tiles": [integer(1)],
        "planes": [IS_PLANES],
    }

    def __init__(self, *, clip_limit: float = 2.0, tiles: int = 8, planes: str = "mri") -> None:
        self.clip_limit = clip_limit
        self.tiles = tiles
        self.planes = planes

    def _units_after(self, ct_units: str | None) -> str | None:
        return units_after(self.planes, ct_units)

    def _change(
        self, plane: NDArray[np.float32], observed: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        low, high = plane[observed].min(), plane[observed].max()
        span = float(high) - float(low)
        if not span > 0:
            return plane
        codes = (fill_alike(plane, observed) - low) * (255 / span)
        rows, columns = (max(1, min(self.tiles, side // LEAST_TILE)) for side in plane.shape)
        clahe = cv2.createCLAHE(clipLimit=float(self.clip_limit), tileGridSize=(columns, rows))
        equalised = clahe.apply(np.rint(codes).astype(np.uint8)).astype(np.float32)
        least, most = equalised[observed].min(), equalised[observed].max()
        if most == least:
            return plane
        return low + (equalised - least) * np.float32(span / float(most - least))
