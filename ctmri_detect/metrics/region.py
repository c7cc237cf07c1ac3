"""Overlap with each lesion, independent of its size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import PlanesLike
from ctmri_detect.metrics._maps import Mask, MaskedMaps, check_share
from ctmri_detect.metrics.candidates import label_lesions
from ctmri_detect.metrics.levels import area_under_roc, rank_pixels


@with_default_floats
def anomaly_map_aupro_score(masks: PlanesLike, maps: PlanesLike, *, max_fpr: float = 0.3) -> float:
    """Area under the per-region overlap curve (AUPRO): all lesions count alike.

    The curve has one point for each threshold: the share of each lesion's pixels above it, as a
    mean over lesions, against the share of healthy pixels (of all samples) above it. The score is
    the mean height of this curve from no false positives to `max_fpr`. A lesion is a connected
    component of the mask of one slice, corners included. Points are joined by straight lines, and
    equal values give one line, as in the authors' code. That code takes a grid of thresholds; this
    function takes all of them.

    A false-positive rate of 0.3 is far beyond what a reader would accept, so most of the area lies
    at rates that no clinic would use. `anomaly_map_aupimo_score` uses rates close to 0 instead.

    Parameters
    ----------
    masks : bool array (n, height, width), or list of planes
        True = lesion.
    maps : float array (n, height, width), or list of planes
        High = anomalous; NaN = not observed: a miss in a lesion, left out elsewhere. Memory grows
        with the lesions' pixels only.
    max_fpr : float, default=0.3
        Above 0, at most 1. A higher value gives a higher score.

    Returns
    -------
    float
        From 0 to 1; chance is `max_fpr` / 2, 0.15 by default.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, masks without a lesion pixel, or maps without a healthy one.
    ValueError
        For `max_fpr` out of range.

    References
    ----------
    Bergmann et al., The MVTec anomaly detection dataset: a comprehensive real-world dataset for
    unsupervised anomaly detection, International Journal of Computer Vision 129, 1038-1059, 2021.

    Examples
    --------
    Two lesions, of one and of three pixels; only the small one stands out. Two of the other three
    outrank no healthy pixel, one all but the hottest.

    >>> masks = [[[1, 0, 1, 1, 1, 0, 0]]]
    >>> maps = [[[9.0, 5.0, 4.0, 1.0, 1.0, 3.0, 2.0]]]
    >>> round(anomaly_map_aupro_score(masks, maps, max_fpr=1.0), 3)
    0.611
    """
    max_fpr = check_share("max_fpr", max_fpr, one=True)
    return area_under_roc(rank_pixels(MaskedMaps(masks, maps), _one_each), max_fpr)


def _one_each(mask: Mask) -> npt.NDArray[np.float64]:
    """Weights of the lesion pixels, which sum to 1 in each lesion."""
    labels, n = label_lesions(mask)
    return (1 / np.bincount(labels[mask], minlength=n + 1).clip(1))[labels[mask]]
