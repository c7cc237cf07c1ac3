"""Free-response ROC: share of lesions found against false positives per scan."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import numpy.typing as npt

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import GroupsLike, PlanesLike
from ctmri_detect.metrics._maps import MaskedMaps, no_lesion
from ctmri_detect.metrics.candidates import find_lesions
from ctmri_detect.validation import check_groups

Numbers = npt.NDArray[np.float64]

_RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)  # those of LUNA16


@with_default_floats
def anomaly_map_froc_curve(
    masks: PlanesLike, maps: PlanesLike, groups: GroupsLike = None, *, min_distance: int = 5
) -> tuple[Numbers, Numbers, Numbers]:
    """Free-response ROC curve: the share of lesions found against false positives per scan.

    Candidates are the peaks of a map: pixels that no other exceeds within `min_distance` rows and
    columns. A plateau is one candidate, at its centre. A lesion (a connected component of a
    slice's mask, corners included) is found where a candidate lies in it. Further candidates in it
    don't count. A candidate outside every lesion is one false positive. These are the rules of
    CAMELYON16, which MONAI implements too; peaks are taken from maps as in its baselines. In
    LUNA16 a candidate finds a nodule if it lies within the nodule's radius.

    A map that is high in the whole lesion but has its peak outside does not find the lesion here.
    Use `anomaly_map_aupro_score` where the outline matters.

    Parameters
    ----------
    masks : bool array (n, height, width), or list of planes
        True = lesion.
    maps : float array (n, height, width), or list of planes
        High = anomalous; NaN = not observed, never a candidate. Memory grows with the candidates.
    groups : array-like of shape (n,), default=None
        The scan (or the patient) of each sample, because false positives are counted per scan.
        Without it, each slice is a scan. A lesion in several slices counts in each of them.
    min_distance : int, default=5
        Pixels, from 1. A higher value merges candidates: this gives fewer false positives, but
        may miss a small lesion beside a large one.

    Returns
    -------
    false_positives : float array (n_thresholds,)
        False positives per scan, with normal scans included; increasing from 0.
    sensitivity : float array (n_thresholds,)
        Share of lesions found, from 0 up to 1 where each has a peak.
    thresholds : float array (n_thresholds,)
        Candidates of this height and above count: infinity (none), then in decreasing order the
        heights at which the curve changes.

    Raises
    ------
    InvalidPairsError
        For unequal shapes, infinity, masks without a lesion pixel, or groups that don't fit.
    ValueError
        For `min_distance` out of range.

    References
    ----------
    Bunch et al., A free-response approach to the measurement and characterization of
    radiographic-observer performance, SPIE 127, 1977. Ehteshami Bejnordi et al., Diagnostic
    assessment of deep learning algorithms for detection of lymph node metastases in women with
    breast cancer, JAMA 318(22), 2199-2210, 2017 (CAMELYON16). Setio et al., Validation,
    comparison, and combination of algorithms for automatic detection of pulmonary nodules in
    computed tomography images: the LUNA16 challenge, Medical Image Analysis 42, 1-13, 2017.

    Examples
    --------
    >>> masks = [[[0, 1, 0, 0, 0, 0, 1]]]
    >>> maps = [[[0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 1.0]]]
    >>> anomaly_map_froc_curve(masks, maps, min_distance=1)
    (array([0., 0., 1., 1.]), array([0. , 0.5, 0.5, 1. ]), array([inf,  3.,  2.,  1.]))
    """
    if not isinstance(min_distance, Integral) or min_distance < 1:
        raise ValueError(
            f"min_distance is {min_distance!r}; expected an int of 1 or more, in pixels. Give 5."
        )
    pairs = MaskedMaps(masks, maps)
    n_scans = len(pairs) if groups is None else len(np.unique(check_groups(groups, len(pairs))))
    found = find_lesions(pairs, int(min_distance))
    if not len(found.lesions):
        raise no_lesion()
    heights = np.concatenate([found.lesions, found.false])
    thresholds = np.append(np.inf, np.unique(heights[np.isfinite(heights)])[::-1])
    false_positives = _reach(found.false, thresholds) / n_scans
    return false_positives, _reach(found.lesions, thresholds) / len(found.lesions), thresholds


@with_default_floats
def anomaly_map_lesion_sensitivity_score(
    masks: PlanesLike,
    maps: PlanesLike,
    groups: GroupsLike = None,
    false_positives: Sequence[float] = _RATES,
    *,
    min_distance: int = 5,
    average: bool = True,
) -> float | Numbers:
    """Share of lesions found at given numbers of false positives per scan, and their mean.

    The mean over the seven rates is the score of the LUNA16 challenge. The sensitivity at a rate
    is the highest that any threshold gives without exceeding the rate. LUNA16 and MONAI interpolate
    to the next point of the curve instead, which gives higher values where there are few scans.

    Parameters
    ----------
    masks, maps, groups
        As in `anomaly_map_froc_curve`.
    false_positives : sequence of float, default=(1/8, 1/4, 1/2, 1, 2, 4, 8)
        False positives per scan, each 0 or more. Higher rates make the task easier.
    min_distance : int, default=5
        As in `anomaly_map_froc_curve`.
    average : bool, default=True
        Whether to return the mean, or else the sensitivity at each rate.

    Returns
    -------
    float or array of shape (n_rates,)
        From 0 to 1. Chance depends on the sizes of the lesions and on `min_distance`. Measure it
        with a map of smooth noise.

    Raises
    ------
    InvalidPairsError
        As in `anomaly_map_froc_curve`.
    ValueError
        For rates below 0 or none at all, or `min_distance` out of range.

    References
    ----------
    As in `anomaly_map_froc_curve`.

    Examples
    --------
    >>> masks = [[[0, 1, 0, 0, 0, 0, 1]]]
    >>> maps = [[[0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 1.0]]]
    >>> anomaly_map_lesion_sensitivity_score(masks, maps, None, (0.5, 1), min_distance=1)
    0.75
    >>> anomaly_map_lesion_sensitivity_score(
    ...     masks, maps, None, (0.5, 1), min_distance=1, average=False
    ... )
    array([0.5, 1. ])
    """
    try:
        rates = np.asarray(false_positives, dtype=np.float64)
    except (TypeError, ValueError):
        rates = np.empty(0)
    if rates.ndim != 1 or not len(rates) or not (rates >= 0).all():
        raise ValueError(
            f"false_positives is {false_positives!r}; expected numbers of 0 or more, false "
            "positives per scan. Give a sequence such as (0.5, 1, 2)."
        )
    reached, sensitivity, _ = anomaly_map_froc_curve(masks, maps, groups, min_distance=min_distance)
    place = np.searchsorted(reached, rates, side="right") - 1
    return float(sensitivity[place].mean()) if average else sensitivity[place]


def _reach(heights: Numbers, thresholds: Numbers) -> npt.NDArray[np.int64]:
    """How many are at or above each threshold."""
    return len(heights) - np.searchsorted(np.sort(heights), thresholds, side="left")
