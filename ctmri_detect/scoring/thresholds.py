"""Thresholds from the scores of healthy slices."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import numpy.typing as npt

from ctmri_detect._warnings import warn_user
from ctmri_detect.exceptions import ThresholdWarning

_ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996, and 29 may be flagged


def conformal_offset(scores: npt.NDArray[np.float64], false_positive_rate: float) -> float:
    """The threshold below which at most this share of new healthy slices falls.

    Parameters
    ----------
    scores : float array (n,)
        Scores of healthy slices that the model did not see, high = normal.
    false_positive_rate : float
        From 0 and below 1.

    Returns
    -------
    float
        With ``k = floor(false_positive_rate * (n + 1))``, the k-th smallest score; ``-inf``
        where k is 0.

    Warns
    -----
    ThresholdWarning
        Where n is too small for a rate above 0.

    Notes
    -----
    A new healthy slice that is exchangeable with the n scores is as likely to take each of the
    n + 1 ranks among them, so it lies below the k-th smallest with probability k / (n + 1): on
    average over calibration sets the rate is at most the one asked for. The plain quantile flags
    more (with 16 scores 13 % at a rate of 5 %). Slices of one patient are alike: then the rate
    varies more from set to set, as if there were fewer of them.

    References
    ----------
    Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world, chapter 2.

    Examples
    --------
    >>> conformal_offset(np.arange(39.0), 0.05)
    1.0
    """
    n = len(scores)
    rank = min(floor(false_positive_rate * (n + 1) + _ROUNDING), n)
    if rank:
        return float(np.partition(scores, rank - 1)[rank - 1])
    if false_positive_rate > 0:
        least = ceil(1 / false_positive_rate - _ROUNDING) - 1
        warn_user(
            f"The threshold rests on {n} held-out slice(s), too few for a false-positive rate of "
            f"{false_positive_rate:g}: at least {least} are needed. offset_ is -inf and predict "
            "flags nothing; score_samples still ranks. Give more pairs, or ask for a rate of "
            f"{ceil(1e4 / (n + 1)) / 1e4:g} or more.",
            ThresholdWarning,
        )
    return -np.inf
