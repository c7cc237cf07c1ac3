"""Dice: how well a thresholded map covers the lesions, over the pixels of all samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import PlanesLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics._maps import Maps, MaskedMaps, check_share, no_healthy, no_lesion
from ctmri_detect.metrics._quantile import exceeded_by
from ctmri_detect.metrics.levels import best_dice, rank_pixels


@with_default_floats
def anomaly_map_dice_score(masks: PlanesLike, maps: PlanesLike, threshold: float) -> float:
    """Dice of the pixels above a threshold that was fixed beforehand.

    2 TP / (2 TP + FP + FN), counted over the pixels of all samples. False positives in normal
    samples count too, and a large lesion counts more than a small one. Take the threshold from
    normal samples (`anomaly_map_threshold`), never from the samples that are measured.

    Parameters
    ----------
    masks : bool array (n, height, width), or list of planes
        True = lesion.
    maps : float array (n, height, width), or list of planes
        High = anomalous; NaN = not observed: a miss in a lesion, left out elsewhere.
    threshold : float
        A pixel is called lesion where the map is *above* it.

    Returns
    -------
    float
        From 0 to 1. Chance is about 2 f p / (f + p), where f is the share of all pixels above the
        threshold and p the share of lesion pixels.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, or masks without a lesion pixel.
    ValueError
        For a threshold that is no number.

    References
    ----------
    Dice, Measures of the amount of ecologic association between species, Ecology 26(3), 1945.

    Examples
    --------
    >>> anomaly_map_dice_score([[[1, 1, 0, 0]]], [[[3.0, 1.0, 2.0, 0.0]]], threshold=1.5)
    0.5
    """
    threshold = _check_threshold(threshold)
    hits = taken = lesion = 0
    for mask, heat in MaskedMaps(masks, maps):
        found = heat.astype(np.float64) > threshold  # float32 would round the threshold
        hits += int((found & mask).sum())
        taken += int(found.sum())
        lesion += int(mask.sum())
    if not lesion:
        raise no_lesion()
    return 2 * hits / (taken + lesion)


@with_default_floats
def anomaly_map_best_dice_score(masks: PlanesLike, maps: PlanesLike) -> float:
    """The largest Dice that any threshold gives, over the pixels of all samples.

    The threshold is chosen with the masks, so this is an upper bound of
    `anomaly_map_dice_score`. It compares maps without their calibration. It says nothing about
    new samples.

    Parameters
    ----------
    masks, maps
        As in `anomaly_map_dice_score`.

    Returns
    -------
    float
        From 0 to 1. Chance is 2 p / (1 + p), where p is the share of lesion pixels: the Dice of
        calling every pixel lesion. Where no lesion pixel is NaN, it is never lower.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, masks without a lesion pixel, or maps without a healthy one.

    References
    ----------
    Baur et al., Autoencoders for unsupervised anomaly segmentation in brain MR images: a
    comparative study, Medical Image Analysis 69, 2021, where it is called ⌈DICE⌉.

    Examples
    --------
    >>> anomaly_map_best_dice_score([[[1, 1, 0, 0]]], [[[3.0, 1.0, 2.0, 0.0]]])
    0.8
    """
    return best_dice(rank_pixels(MaskedMaps(masks, maps)))


@with_default_floats
def anomaly_map_threshold(maps: PlanesLike, false_positive_rate: float = 0.05) -> float:
    """The lowest map value that at most a given share of the observed pixels exceed.

    Parameters
    ----------
    maps : float array (n, height, width), or list of planes
        Maps of *normal* samples, of other patients than those that you will measure. NaN is left
        out.
    false_positive_rate : float, default=0.05
        From 0, below 1, as a share of pixels. A higher value gives a lower threshold.

    Returns
    -------
    float
        The threshold for `anomaly_map_dice_score`. It is exact, and takes two passes through
        float32 maps and four through float64 maps.

    Raises
    ------
    InvalidPairsError
        For maps of another shape, infinity, or without an observed pixel.
    ValueError
        For a rate out of range.

    Examples
    --------
    >>> anomaly_map_threshold(np.arange(100.0).reshape(1, 10, 10), 0.05)
    94.0
    """
    rate = check_share("false_positive_rate", false_positive_rate, zero=True)
    threshold = exceeded_by(Maps(maps).observed, rate)
    if np.isnan(threshold):
        raise InvalidPairsError(
            "maps holds no observed pixel; expected numbers where normal samples were observed. "
            "Give maps of normal samples."
        )
    return threshold


@with_default_floats
def anomaly_map_dice_at_fpr_score(
    masks: PlanesLike, maps: PlanesLike, *, max_fpr: float = 0.05
) -> float:
    """Dice at the lowest threshold that at most a share `max_fpr` of the healthy pixels exceed.

    The healthy pixels are those of all given samples, normal and anomalous. Where lesions are much
    smaller than `max_fpr` of the brain, the false positives outnumber the lesion pixels for any
    map: even a perfect ranking without ties gives only 2 p / (2 p + `max_fpr`), where p is the
    number of lesion pixels divided by that of healthy pixels. Compare it only on the same samples.

    Parameters
    ----------
    masks, maps
        As in `anomaly_map_dice_score`.
    max_fpr : float, default=0.05
        From 0, below 1. A higher value gives a lower threshold.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, masks without a lesion pixel, or maps without a healthy one.
    ValueError
        For `max_fpr` out of range.

    References
    ----------
    Meissen et al., Unsupervised anomaly localization with structural feature-autoencoders, 2022
    (arXiv 2208.10992), and its code. With the rate fixed on other, healthy samples it is
    ``anomaly_map_dice_score(masks, maps, anomaly_map_threshold(healthy_maps))``.

    Examples
    --------
    >>> anomaly_map_dice_at_fpr_score([[[1, 1, 0, 0]]], [[[3.0, 1.0, 2.0, 0.0]]], max_fpr=0.5)
    0.8
    """
    rate = check_share("max_fpr", max_fpr, zero=True)
    pairs = MaskedMaps(masks, maps)
    if not any(mask.any() for mask, _ in pairs):
        raise no_lesion()
    threshold = exceeded_by(pairs.healthy, rate)
    if np.isnan(threshold):
        raise no_healthy()
    return anomaly_map_dice_score(masks, maps, threshold)


def _check_threshold(threshold: Any) -> float:
    try:
        number = float(threshold)
    except (TypeError, ValueError):
        number = float("nan")
    if np.isnan(number):
        raise ValueError(
            f"threshold is {threshold!r}; expected a number. Take it from normal samples: "
            "anomaly_map_threshold(maps[normal], 0.05)."
        )
    return number
