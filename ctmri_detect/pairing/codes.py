"""Raw or prepared pairs as small coded images of the brain, which are then compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.ct_units import CTUnits
from ctmri_detect.imageops.appearance import is_eight_bit_window
from ctmri_detect.imageops.brainmask import brain_mask
from ctmri_detect.imageops.mutual import UNSEEN, normalized_mutual_information
from ctmri_detect.pairing.compared import CT_AND_MRI, Compared
from ctmri_detect.pairing.shift import AIR, Codes, coded_pair
from ctmri_detect.validation import PairReader

SIDE = 64  # pixels of the larger side: at this size, small misregistration matters little
LEAST_PIXELS = 200  # observed in both planes at that size; fewer are too few for a histogram


class CodedPairs:
    """The coded pairs of a reader; each is read on first use and then kept.

    Parameters
    ----------
    X : PairReader
    planes : Compared
        The two planes that are coded.

    Examples
    --------
    >>> coded = CodedPairs(PairReader(np.zeros((3, 2, 64, 64))))
    >>> coded[0] is None  # constant
    True
    """

    def __init__(self, X: PairReader, planes: Compared = CT_AND_MRI) -> None:
        self.reader = X
        self.planes = planes
        self._known: dict[int, Codes | None] = {}

    def __getitem__(self, row: int) -> Codes | None:
        """The coded pair, uint8 ``(2, 64, 64)`` or smaller; None where it can't be used."""
        if row not in self._known:
            pair = self.planes.of(self.reader[row : row + 1][0])
            self._known[row] = _coded(pair, self.planes.with_ct)
        return self._known[row]


def nmi(first: Codes, second: Codes) -> float:
    """Normalised mutual information; NaN where too few pixels were observed in both."""
    both = np.count_nonzero((first != UNSEEN) & (second != UNSEEN))
    return normalized_mutual_information(first, second) if both >= LEAST_PIXELS else np.nan


def _coded(pair: npt.NDArray[np.float32], with_ct: bool) -> Codes | None:
    codes = coded_pair(brain_alone(pair) if with_ct else pair, SIDE, with_ct=with_ct)
    both = (codes != UNSEEN).all(axis=0)
    usable = both.sum() >= LEAST_PIXELS and np.ptp(codes[:, both], axis=1).all()
    return codes if usable else None


def brain_alone(pair: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A raw pair (CT first) with NaN outside the brain, as `BrainMask` makes it.

    The outlines of all heads are alike at the same level, and symmetric. Masked so, raw pairs get
    the same verdict as prepared ones. A pair in which no brain is found stays as it is.
    """
    units = _units_of(pair[0])
    mask = None if units is None else brain_mask(pair[0], units)
    if mask is None or not mask.any():
        return pair
    return np.where(mask, pair, np.float32(np.nan))


def _units_of(ct: npt.NDArray[np.float32]) -> CTUnits | None:
    """The units of a raw CT; None where it is not raw."""
    if np.nanmin(ct, initial=np.inf) < AIR:
        return "hu"
    return "uint8" if is_eight_bit_window(ct) else None
