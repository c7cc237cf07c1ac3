"""Metrics of maps against masks, over the pixels of all samples together."""

from __future__ import annotations

import numpy as np

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import PlanesLike
from ctmri_detect.metrics._maps import MaskedMaps, no_lesion
from ctmri_detect.metrics.levels import area_under_roc, average_precision, rank_pixels


@with_default_floats
def anomaly_map_average_precision_score(masks: PlanesLike, maps: PlanesLike) -> float:
    """Average precision of the pixels of all samples together.

    A large lesion counts more than a small one. In `anomaly_map_aupro_score` all lesions count
    alike.

    Parameters
    ----------
    masks : bool array (n, height, width), or list of planes
        True = lesion.
    maps : float array (n, height, width), or list of planes
        High = anomalous; NaN = not observed. A lesion pixel that is NaN counts as missed (it
        ranks last), a healthy one is left out. Read sample by sample, so that a memmap stays on
        disk; memory grows with the lesions' pixels only.

    Returns
    -------
    float
        From the share of lesion pixels (chance) to 1.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, masks without a lesion pixel, or maps without a healthy one.

    References
    ----------
    Saito, Rehmsmeier, The precision-recall plot is more informative than the ROC plot when
    evaluating binary classifiers on imbalanced datasets, PLOS ONE 10(3), 2015.

    Examples
    --------
    >>> masks = np.zeros((1, 4, 4), bool); masks[0, 1, 1] = True
    >>> anomaly_map_average_precision_score(masks, masks.astype(float))
    1.0
    """
    return average_precision(rank_pixels(MaskedMaps(masks, maps)))


@with_default_floats
def anomaly_map_roc_auc_score(masks: PlanesLike, maps: PlanesLike) -> float:
    """Area under the ROC curve of the pixels: how often a lesion pixel outranks a healthy one.

    Lesions are small, so it is high even for weak detectors: 1 % of the healthy pixels may be as
    many as all lesion pixels. Report it with `anomaly_map_average_precision_score`, never alone.

    Parameters
    ----------
    masks, maps
        As in `anomaly_map_average_precision_score`.

    Returns
    -------
    float
        From 0 to 1; 0.5 is chance.

    Raises
    ------
    InvalidPairsError
        As in `anomaly_map_average_precision_score`.

    References
    ----------
    Bergmann et al., The MVTec anomaly detection dataset, International Journal of Computer Vision
    129, 1038-1059, 2021.

    Examples
    --------
    >>> anomaly_map_roc_auc_score([[[1, 0, 0, 0, 0]]], [[[3.0, 4.0, 3.0, 1.0, 2.0]]])
    0.625
    """
    return area_under_roc(rank_pixels(MaskedMaps(masks, maps)))


@with_default_floats
def masked_lesion_share(masks: PlanesLike, maps: PlanesLike) -> float:
    """Share of lesion pixels that the maps did not observe (NaN).

    No detector can find them: 1 minus this is the highest recall that any threshold reaches.
    Above a few per cent, check the brain masks first.

    Parameters
    ----------
    masks, maps
        As in `anomaly_map_average_precision_score`.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, or masks without a lesion pixel.

    Examples
    --------
    >>> masked_lesion_share([[[1, 1, 0, 0]]], [[[np.nan, 1.0, np.nan, 0.0]]])
    0.5
    """
    unseen, total = 0, 0
    for mask, heat in MaskedMaps(masks, maps):
        unseen += int(np.isnan(heat[mask]).sum())
        total += int(mask.sum())
    if not total:
        raise no_lesion()
    return unseen / total
