"""Recall within each anomalous image, where normal images have almost no false positives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import PlanesLike
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics._maps import Heat, MaskedMaps, missed_last, no_lesion

Numbers = npt.NDArray[np.float64]

_BUFFER = 2**18  # normal pixels kept before the highest of them are chosen again


@with_default_floats
def anomaly_map_aupimo_score(
    masks: PlanesLike,
    maps: PlanesLike,
    *,
    fpr_bounds: tuple[float, float] = (1e-5, 1e-4),
    average: bool = True,
) -> float | npt.NDArray[np.float64]:
    """Area under the per-image overlap curve (AUPIMO): recall where false positives are rare.

    Thresholds come from normal images only: the false-positive rate is the share of their pixels
    above the threshold, as a mean over normal images. For each anomalous image, the recall of its
    lesion pixels is averaged over these rates, from the lower to the upper bound on a logarithmic
    scale. At a rate of 1e-5 a normal slice of 256 x 256 pixels has on average less than one
    false-positive pixel. A sample with an empty mask counts as normal, so leave out anomalous
    samples that have no mask.

    The recall at a rate is that of the lowest threshold whose rate isn't above it. The paper
    interpolates on a grid of thresholds; both agree if there are many normal pixels. With fewer
    than 1 / `fpr_bounds[0]` normal pixels, the lowest rates mean "no false positive at all".

    Parameters
    ----------
    masks : bool array (n, height, width), or list of planes
        True = lesion.
    maps : float array (n, height, width), or list of planes
        High = anomalous; NaN = not observed: a miss in a lesion, left out elsewhere. Memory grows
        with the share `fpr_bounds[1]` of the normal pixels.
    fpr_bounds : tuple of float, default=(1e-5, 1e-4)
        Lower and upper rate, above 0, at most 1. A higher upper rate makes the task easier, and
        takes more memory.
    average : bool, default=True
        Whether to return the mean over anomalous images, or else the score of each image.

    Returns
    -------
    float or array of shape (n,)
        From 0 to 1; chance is (b - a) / ln(b / a), 4e-5 by default. The array is NaN for normal
        images.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, masks without a lesion pixel, or no normal image with an
        observed pixel.
    ValueError
        For bounds out of range.

    References
    ----------
    Bertoldo et al., AUPIMO: redefining anomaly localization benchmarks with high speed and low
    tolerance, BMVC 2024 (arXiv 2401.01984).

    Examples
    --------
    Ten normal pixels, one of them above the weaker half of the lesion: the recall is 1/2 below
    a rate of 0.1, and 1 above it.

    >>> masks = np.array([10 * [0], 2 * [1] + 8 * [0]])[:, None]
    >>> maps = np.array([[5.0] + 9 * [0.0], [6.0, 4.0] + 8 * [0.0]])[:, None]
    >>> round(anomaly_map_aupimo_score(masks, maps, fpr_bounds=(0.01, 0.19)), 3)
    0.609
    """
    low, high = _check_bounds(fpr_bounds)
    pairs = MaskedMaps(masks, maps)
    if not any(mask.any() for mask, _ in pairs):
        raise no_lesion()
    levels, rates = _highest_normal(pairs, high)
    edges = np.log(np.clip(np.concatenate([[0.0], rates]), low, high))
    # Up to the rate of a level, the threshold is that level: what lies above it is found.
    width = np.diff(edges) / np.log(high / low)
    scores = np.full(len(pairs), np.nan)
    for i, (mask, heat) in enumerate(pairs):
        if mask.any():
            lesion = np.sort(missed_last(heat[mask]))
            found = 1 - np.searchsorted(lesion, levels, side="right") / len(lesion)
            scores[i] = np.clip(found @ width, 0, 1)
    return float(np.nanmean(scores)) if average else scores


def _highest_normal(pairs: MaskedMaps, high: float) -> tuple[Heat, Numbers]:
    """The highest values of normal images, in decreasing order, and the rate that each gives.

    It stops at the first rate that is not below `high`.
    """
    normal = [0 if mask.any() else int((~np.isnan(heat)).sum()) for mask, heat in pairs]
    n_normal = np.count_nonzero(normal)
    if not n_normal:
        raise InvalidPairsError(
            "No sample is normal (an empty mask and an observed pixel); expected at least one, "
            "because they set the thresholds. Add normal samples."
        )
    values, weights = np.empty(0, pairs.maps.dtype), np.empty(0)
    pending: list[tuple[Heat, Numbers]] = []
    for seen, (_, heat) in zip(normal, pairs, strict=True):
        if not seen:
            continue
        own = heat[~np.isnan(heat)]
        most = min(int(high * n_normal * seen) + 2, seen)
        own = np.partition(own, seen - most)[seen - most :].copy()  # a view would keep all values
        pending.append((own, np.full(most, 1 / (n_normal * seen))))
        if sum(len(v) for v, _ in pending) > max(_BUFFER, len(values)):
            values, weights = _highest([(values, weights), *pending], high)
            pending = []
    values, weights = _highest([(values, weights), *pending], high)
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    return values[last], np.cumsum(weights)[last]


def _highest(parts: list[tuple[Heat, Numbers]], high: float) -> tuple[Heat, Numbers]:
    """The highest values, in decreasing order, until their weights reach `high`."""
    values, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(values, kind="stable")[::-1]
    values, weights = values[order], weights[order]
    stop = int(np.searchsorted(np.cumsum(weights), high)) + 1
    return values[:stop], weights[:stop]


def _check_bounds(bounds: Any) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not 0 < low < high <= 1:
        raise ValueError(
            f"fpr_bounds is {bounds!r}; expected two rates, 0 < lower < upper <= 1. Give the "
            "paper's (1e-5, 1e-4)."
        )
    return low, high
