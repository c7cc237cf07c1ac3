"""The peaks of a map, and which lesion each of them hits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ctmri_detect.metrics._maps import Heat, Mask

Numbers = npt.NDArray[np.float64]
NEIGHBOURS = np.ones((3, 3), dtype=int)  # corners count, as in the evaluation code of MVTec AD


class Findings(NamedTuple):
    """Peaks of all samples together."""

    lesions: Numbers  # the best peak in each lesion; -inf where it has none
    false: Numbers  # the height of each peak outside all lesions


def label_lesions(mask: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """Numbers 1, 2, ... of the lesions, 0 elsewhere, and how many there are.

    Examples
    --------
    >>> label_lesions(np.array([[True, False, False], [False, True, False]]))[1]
    1
    """
    labels, n = ndimage.label(mask, structure=NEIGHBOURS)
    return labels, int(n)


def peaks(heat: Heat, min_distance: int) -> npt.NDArray[np.intp]:
    """Places (n, 2) that no pixel in the square around them exceeds, one for each plateau.

    For a plateau it is the pixel nearest to its centre, the first one if there are several. The
    lowest value of a map is no peak, so that a constant map has none.

    Examples
    --------
    >>> peaks(np.array([[0.0, 2.0, 2.0, 2.0, 0.0, 0.0, 1.0]]), 1).tolist()
    [[0, 2], [0, 6]]
    """
    seen = ~np.isnan(heat)
    if not seen.any():
        return np.empty((0, 2), np.intp)
    filled = np.where(seen, heat, -np.inf)
    window = 2 * min_distance + 1
    highest = ndimage.maximum_filter(filled, size=window, mode="constant", cval=-np.inf)
    top = seen & (filled == highest) & (filled > filled[seen].min())
    labels, n = ndimage.label(top, structure=NEIGHBOURS)
    places = np.argwhere(top)
    plateau = labels[top] - 1
    size = np.bincount(plateau, minlength=n)
    centre = np.stack([np.bincount(plateau, axis, n) / size for axis in places.T], axis=1)
    # Integers (squared distance times squared size), so that rounding does not break ties.
    off = np.rint((places - centre[plateau]) * size[plateau, None]).astype(np.int64)
    order = np.lexsort((np.arange(len(places)), (off**2).sum(axis=1), plateau))
    first = np.searchsorted(plateau[order], np.arange(n))
    return places[order[first]]


def find_lesions(pairs: Iterable[tuple[Mask, Heat]], min_distance: int) -> Findings:
    """Peaks of all samples, by whether they lie in a lesion.

    Examples
    --------
    >>> from ctmri_detect.metrics._maps import MaskedMaps
    >>> found = find_lesions(MaskedMaps([[[1, 0, 0, 0, 0, 1]]], [[[3.0, 2, 1, 2, 1, 1]]]), 1)
    >>> found.lesions, found.false
    (array([  3., -inf]), array([2.]))
    """
    lesions: list[Any] = [np.empty(0)]
    false: list[Any] = [np.empty(0)]
    for mask, heat in pairs:
        labels, n = label_lesions(mask)
        places = peaks(heat, min_distance)
        height = heat[tuple(places.T)].astype(np.float64)
        hit = labels[tuple(places.T)]
        best = np.full(n + 1, -np.inf)
        np.maximum.at(best, hit, height)
        lesions.append(best[1:])
        false.append(height[hit == 0])
    return Findings(np.concatenate(lesions), np.concatenate(false))
