"""Thresholds from the scores of healthy slices."""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

from ctmri_detect._warnings import warn_user
from ctmri_detect.exceptions import ThresholdWarning

_ROUNDING = 1e-9


class Threshold:
    """The threshold that keeps a false-positive rate, from scores of healthy slices.

    Parameters
    ----------
    scores : float array (n,)
        Scores of healthy slices that the model did not see, high = normal.
    false_positive_rate : float
        Share of new healthy slices that may be flagged; from 0 and below 1.
    groups : int array (n,), default=None
        Patient of each slice. Slices of one patient are alike, so the number of patients says how
        far the threshold can be trusted. None: each slice is of another patient.

    Attributes
    ----------
    offset : float
        See `conformal_offset`: a slice that scores below it is flagged.
    n_patients : int
        Patients whose slices the threshold rests on.

    Warns
    -----
    ThresholdWarning
        If there are too few scores for the rate.

    Examples
    --------
    >>> threshold = Threshold(np.arange(39.0), 0.05)
    >>> threshold.offset, threshold.p_values(np.array([0.5]))
    (1.0, array([0.05]))
    """

    def __init__(
        self,
        scores: npt.NDArray[np.float64],
        false_positive_rate: float,
        groups: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.scores = scores
        self.false_positive_rate = false_positive_rate
        self.groups = np.arange(len(scores)) if groups is None else groups
        self.offset = conformal_offset(scores, false_positive_rate)

    @property
    def n_patients(self) -> int:
        """Number of patients whose slices the threshold rests on."""
        return len(np.unique(self.groups))

    def p_values(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How often a healthy slice scores as low: float64 ``(n,)``, small = anomalous.

        At most `false_positive_rate` exactly if the score lies below `offset`.
        """
        return conformal_p_values(scores, self.scores)


def slices_needed(false_positive_rate: float) -> int:
    """Fewest scores from which a threshold of this rate can be set.

    Examples
    --------
    >>> slices_needed(0.05), slices_needed(0)
    (19, 0)
    """
    return ceil(1 / false_positive_rate - _ROUNDING) - 1 if false_positive_rate > 0 else 0


def conformal_rank(n: int, false_positive_rate: float) -> int:
    """Rank of the threshold among n scores, 1 for the lowest; 0 if n is too small for the rate.

    Examples
    --------
    >>> conformal_rank(39, 0.05), conformal_rank(18, 0.05)
    (2, 0)
    """
    # p-values (k / (n + 1)) are compared with the rate as they are, rounding included
    return int((np.arange(1, n + 1) / (n + 1) <= false_positive_rate).sum())


def conformal_offset(scores: npt.NDArray[np.float64], false_positive_rate: float) -> float:
    """The threshold below which, on average, at most this share of new healthy slices falls.

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
        if k is 0.

    Warns
    -----
    ThresholdWarning
        If n is too small for a rate above 0.

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
    rank = conformal_rank(n, false_positive_rate)
    if rank:
        return float(np.partition(scores, rank - 1)[rank - 1])
    if false_positive_rate > 0:
        warn_user(
            f"The threshold rests on {n} held-out slice(s), too few for a false-positive rate of "
            f"{false_positive_rate:g}: at least {slices_needed(false_positive_rate)} are needed. "
            "offset_ is -inf and predict flags nothing; score_samples still ranks. Give more "
            f"pairs, or ask for a rate of {ceil(1e4 / (n + 1)) / 1e4:g} or more.",
            ThresholdWarning,
        )
    return -np.inf


def conformal_p_values(
    scores: npt.NDArray[np.float64], calibration: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """How often a healthy slice would score as low as each of these.

    Parameters
    ----------
    scores : float array (n,)
        High = normal.
    calibration : float array (m,)
        Scores of healthy slices that the model did not see.

    Returns
    -------
    float64 array (n,)
        ``(1 + number of calibration scores at most as high) / (m + 1)``; small = anomalous.

    Notes
    -----
    A p-value is at most `false_positive_rate` exactly if the score lies below
    `conformal_offset` of that rate. None is below ``1 / (m + 1)``.

    References
    ----------
    Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world, chapter 2.

    Examples
    --------
    >>> conformal_p_values(np.array([-1.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    array([0.25, 0.75])
    """
    at_most = np.searchsorted(np.sort(calibration), scores, side="right")
    return np.asarray((1 + at_most) / (len(calibration) + 1), dtype=np.float64)
