"""Pixel average precision over many maps, without keeping them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics.levels import average_precision, rank_counts

_CODES = 2**16
_VALUES = np.arange(_CODES, dtype=np.uint16).view(np.float16).astype(np.float64)
_LARGEST = float(np.finfo(np.float16).max)

Counts = npt.NDArray[np.int64]


class PixelCounts:
    """How many lesion pixels and healthy pixels have each map value, kind by kind.

    Maps are rounded to float16, which has 2**16 values (steps of 0.004 at 4 to 8 standard
    deviations): counting them is enough for the average precision, and the maps can go.

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
        self._lesion: dict[str, Counts] = defaultdict(_nothing)
        self._healthy: dict[str, Counts] = defaultdict(_nothing)

    def add(
        self, kind: str, mask: npt.NDArray[np.bool_], anomaly_map: npt.NDArray[np.floating]
    ) -> None:
        """Count one sample; a lesion pixel that is NaN ranks last, a healthy one is left out."""
        if anomaly_map.shape != mask.shape:
            raise InvalidPairsError(
                f"The map has shape {anomaly_map.shape}, the mask {mask.shape}; expected one grid. "
                "Steps that change the grid need inverse_transform_map."
            )
        if np.isinf(anomaly_map).any():
            raise InvalidPairsError("The map holds infinity; expected finite numbers and NaN.")
        unseen = np.isnan(anomaly_map)
        values = np.where(unseen, -_LARGEST, np.clip(anomaly_map, -_LARGEST, _LARGEST))
        codes = values.astype(np.float16).view(np.uint16)
        self._lesion[kind] += np.bincount(codes[mask], minlength=_CODES)
        self._healthy[kind] += np.bincount(codes[~mask & ~unseen], minlength=_CODES)

    def average_precision(self, kinds: list[str]) -> float:
        """Average precision of the pixels of these kinds together; NaN without a lesion pixel."""
        lesion = sum((self._lesion[k] for k in kinds), _nothing())
        healthy = sum((self._healthy[k] for k in kinds), _nothing())
        if not lesion.any():
            return float("nan")
        found = np.flatnonzero(lesion + healthy)
        return average_precision(rank_counts(_VALUES[found], lesion[found], healthy[found]))


def _nothing() -> Counts:
    return np.zeros(_CODES, dtype=np.int64)
