"""Pixels of maps, counted by value, so that the maps need not be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics.levels import Ranking, average_precision, rank_counts

CODES = 2**16
_VALUES = np.arange(CODES, dtype=np.uint16).view(np.float16).astype(np.float64)
_ORDER = np.argsort(np.where(np.isnan(_VALUES), -np.inf, _VALUES), kind="stable")
_RANKS = np.argsort(_ORDER)  # of a code, by its value
SORTED = _VALUES[_ORDER]
_LARGEST = float(np.finfo(np.float16).max)

Counts = npt.NDArray[np.int64]


def count_pixels(
    mask: npt.NDArray[np.bool_], anomaly_map: npt.NDArray[np.floating]
) -> tuple[Counts, Counts]:
    """Rank of each pixel's value among those of float16, and how many pixels have each value.

    Counts ``(2, CODES)`` are of lesion pixels, where NaN ranks last, and of healthy ones without
    NaN. Rounding to float16 makes steps of 0.004 at 4 to 8 standard deviations.
    """
    if anomaly_map.shape != mask.shape:
        raise InvalidPairsError(
            f"The map has shape {anomaly_map.shape}, the mask {mask.shape}; expected the same. "
            "Steps that change the grid need inverse_transform_map."
        )
    if np.isinf(anomaly_map).any():
        raise InvalidPairsError(
            "The map holds infinity; expected finite numbers, and NaN where nothing was observed."
        )
    unseen = np.isnan(anomaly_map)
    values = np.where(unseen, -_LARGEST, np.clip(anomaly_map, -_LARGEST, _LARGEST))
    ranks = _RANKS[values.astype(np.float16).view(np.uint16)]
    chosen = ranks[mask], ranks[~mask & ~unseen]
    return ranks, np.stack([np.bincount(each, minlength=CODES) for each in chosen])


def rated(
    metric: Callable[[Ranking], float], values: npt.NDArray[np.float64], counts: npt.NDArray[Any]
) -> float:
    """A metric of counted pixels; NaN without lesion pixels or without healthy ones."""
    used = counts.any(axis=0)
    if not counts.any(axis=1).all():
        return float("nan")
    return metric(rank_counts(values[used], *counts[:, used]))


class PixelCounts:
    """Pixels of maps, kind by kind, and their average precision.

    Examples
    --------
    >>> counts = PixelCounts()
    >>> mask = np.eye(4, dtype=bool)
    >>> counts.add("bleed", mask, mask * 3.0)
    >>> counts.add("normal", np.zeros((4, 4), bool), np.ones((4, 4)))
    >>> counts.average_precision(["bleed", "normal"])
    1.0
    """

    def __init__(self) -> None:
        self._of_kinds: dict[str, Counts] = defaultdict(_nothing)

    def add(
        self, kind: str, mask: npt.NDArray[np.bool_], anomaly_map: npt.NDArray[np.floating]
    ) -> None:
        """Count one sample; a lesion pixel that is NaN ranks last, a healthy one is left out."""
        self._of_kinds[kind] += count_pixels(mask, anomaly_map)[1]

    def average_precision(self, kinds: list[str]) -> float:
        """Average precision of the pixels of these kinds together; NaN without a lesion pixel."""
        counts = sum((self._of_kinds[kind] for kind in kinds), _nothing())
        return rated(average_precision, SORTED, counts)


def _nothing() -> Counts:
    return np.zeros((2, CODES), dtype=np.int64)
