"""What planes of healthy slices look like as a whole, to notice slices of another kind."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect.detectors.synthetic.residuals import Block
from ctmri_detect.imageops.looks import asymmetry
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.validation import PairReader

_FAR = 5.0  # robust standard deviations; the healthy slices of development phantoms reach 3.6
_LEAST = (0.1, 0.05)  # of these, for few slices: correlation, asymmetry


class TypicalLook(BaseEstimator):
    """Which planes look unlike those of the training slices, as a whole.

    Two numbers describe a plane: how well it correlates with the mean of the training slices,
    place by place, and how asymmetric its values are (whether the bright or the dark ones lie
    farther from the median). Both change little with a lesion, and not at all with brightness and
    contrast. Another MRI sequence, or inverted values, change them.

    Attributes
    ----------
    mean_ : float32 array (n_planes, height, width)
    center_, spread_ : float64 arrays (n_planes, 2)
        Of the two numbers in training slices, compared with the other half of the patients: median
        and 1.4826 times the median absolute deviation.
    """

    def fit(self, X: PairReader, half: npt.NDArray[np.int64]) -> TypicalLook:
        """Learn from training slices; `half` says to which of two halves each belongs."""
        found = []
        for side in (0, 1):
            own, rest = np.flatnonzero(half == side), np.flatnonzero(half != side)
            if len(own):
                mean = position_statistics(X.take(rest if len(rest) else own))[0]
                found += [described(block, mean) for block in X.take(own).blocks()]
        numbers = np.concatenate(found)
        self.center_ = np.nanmedian(numbers, axis=0)
        spread = 1.4826 * np.nanmedian(np.abs(numbers - self.center_), axis=0)
        self.spread_ = np.maximum(spread, _LEAST)
        self.mean_ = position_statistics(X)[0]
        return self

    def unlike(self, block: Block) -> npt.NDArray[np.bool_]:
        """Which planes of which samples look unlike training slices: bool ``(n, n_planes)``."""
        far = np.abs(described(block, self.mean_) - self.center_) > _FAR * self.spread_
        return np.asarray(far.any(axis=-1))


def described(block: Block, mean: Block) -> npt.NDArray[np.float64]:
    """Correlation with the mean, and asymmetry: ``(n, n_planes, 2)``; NaN without values.

    The asymmetry is that of `imageops.looks`.
    """
    out = np.full((*block.shape[:2], 2), np.nan)
    for n, plane in np.ndindex(block.shape[:2]):
        values, seen = block[n, plane], ~np.isnan(block[n, plane])
        if not seen.any():
            continue
        here, there = values[seen].astype(np.float64), mean[plane][seen].astype(np.float64)
        spread = here.std() * there.std()
        covariance = np.mean((here - here.mean()) * (there - there.mean()))
        out[n, plane, 0] = covariance / spread if spread > 0 else 0.0
        out[n, plane, 1] = asymmetry(*np.percentile(here, (10, 50, 90)))
    return out
