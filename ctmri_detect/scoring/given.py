"""Residuals as callers give them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import PairReader


def as_residual(residual: npt.ArrayLike, X: PairReader) -> npt.NDArray[np.generic]:
    """The residual as an array; refused if it doesn't fit X."""
    values = np.asarray(plain_array(residual))
    if values.shape != X.shape or values.dtype.kind not in "fiub":
        raise InvalidPairsError(
            f"residual has shape {values.shape} and dtype {values.dtype}; expected numbers of "
            f"shape {X.shape}, that of X. Give the residual of each plane of each of these pairs."
        )
    return values
