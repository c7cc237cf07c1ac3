"""The lesions of one slice: the connected components of its mask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ctmri_detect.metrics._maps import Mask

NEIGHBOURS = np.ones((3, 3), dtype=int)  # corners count, as in the evaluation code of MVTec AD


def label_lesions(mask: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """Numbers 1, 2, ... of the lesions, 0 elsewhere, and how many there are.

    Examples
    --------
    >>> label_lesions(np.array([[True, False, False], [False, True, False]]))[1]
    1
    """
    labels, n = ndimage.label(mask, structure=NEIGHBOURS)
    return labels, int(n)
