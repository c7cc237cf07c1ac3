"""Masks and maps, read and checked sample by sample, so that they may stay on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import PlanesLike, StoredArray, is_stored
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import check_masks

Mask = npt.NDArray[np.bool_]
Heat = npt.NDArray[np.floating]
Rows = StoredArray | list[npt.NDArray[np.generic]]


class Maps:
    """Anomaly maps of one or of different sizes, as float32, or float64 where they have that.

    Examples
    --------
    >>> maps = Maps([np.zeros((4, 4)), np.ones((2, 3), np.float16)])
    >>> [heat.shape for heat in maps], maps.dtype
    ([(4, 4), (2, 3)], dtype('float64'))
    """

    def __init__(self, maps: PlanesLike) -> None:
        self._rows = _rows("maps", maps)
        rows = self._rows if isinstance(self._rows, list) else [self._rows]
        found = [np.dtype(row.dtype) for row in rows]
        strange = [str(dtype) for dtype in found if dtype.kind not in "fiub"]
        if strange:
            raise InvalidPairsError(
                f"maps has dtype {strange[0]}; expected real numbers. Convert them: "
                "maps.astype('float32')."
            )
        small = all(dtype.kind in "fb" and dtype.itemsize <= 4 for dtype in found)
        self.dtype = np.dtype(np.float32 if small else np.float64)  # either holds all exactly

    def __len__(self) -> int:
        return _length(self._rows)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the one array; None for a list."""
        return None if isinstance(self._rows, list) else tuple(self._rows.shape)

    def __getitem__(self, i: int) -> Heat:
        heat = np.asarray(plain_array(self._rows[i])).astype(self.dtype)
        if np.isinf(heat).any():
            raise InvalidPairsError(
                f"maps holds infinity in sample {i}; expected finite numbers, and NaN where "
                "nothing was observed. Replace it: maps[~np.isfinite(maps)] = np.nan."
            )
        return heat

    def __iter__(self) -> Iterator[Heat]:
        for i in range(len(self)):
            yield self[i]

    def observed(self) -> Iterator[Heat]:
        """The values that are not NaN, sample by sample."""
        for heat in self:
            yield heat[~np.isnan(heat)]


class MaskedMaps:
    """Maps and the lesion masks that they are compared with.

    Examples
    --------
    >>> pairs = MaskedMaps(np.eye(2, dtype=bool)[None], np.array([[[1.0, np.nan], [2.0, 3.0]]]))
    >>> [values.tolist() for values in pairs.healthy()]
    [[2.0]]
    """

    def __init__(self, masks: PlanesLike, maps: PlanesLike) -> None:
        self.maps = Maps(maps)
        self._masks = _rows("masks", masks)
        shape = None if isinstance(self._masks, list) else tuple(self._masks.shape)
        if _length(self._masks) != len(self.maps) or (
            shape is not None and self.maps.shape is not None and shape != self.maps.shape
        ):
            raise InvalidPairsError(
                f"masks has shape {shape or f'({_length(self._masks)}, ...)'}; expected "
                f"{self.maps.shape or f'({len(self.maps)}, ...)'}, that of maps. Give one mask for "
                "each map, on the same grid."
            )

    def __len__(self) -> int:
        return len(self.maps)

    def __iter__(self) -> Iterator[tuple[Mask, Heat]]:
        for i in range(len(self)):
            mask, heat = np.asarray(plain_array(self._masks[i])), self.maps[i]
            if mask.shape != heat.shape:
                raise InvalidPairsError(
                    f"The mask of sample {i} has shape {mask.shape}; expected {heat.shape}, that "
                    "of its map. Give both on the same grid."
                )
            yield check_masks(mask[None])[0], heat

    def healthy(self) -> Iterator[Heat]:
        """The values of healthy pixels that were observed, sample by sample."""
        for mask, heat in self:
            yield heat[~mask & ~np.isnan(heat)]


def missed_last(heat: Heat) -> Heat:
    """Scores of lesion pixels: one that was not observed ranks below all others."""
    return np.where(np.isnan(heat), -np.inf, heat).astype(heat.dtype, copy=False)


def no_lesion() -> InvalidPairsError:
    """The error for masks without a lesion pixel."""
    return InvalidPairsError(
        "masks holds no lesion pixel; the metric needs at least one. Give samples with lesions."
    )


def no_healthy() -> InvalidPairsError:
    """The error for maps without a healthy pixel."""
    return InvalidPairsError(
        "maps holds no observed healthy pixel, so nothing can be ranked; expected numbers outside "
        "the lesions too. Check that the maps lie on the grid of the masks."
    )


def check_share(name: str, value: Any, *, zero: bool = False, one: bool = False) -> float:
    """A number between 0 and 1, the ends included only where asked.

    Examples
    --------
    >>> check_share("max_fpr", 0.3)
    0.3
    """
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = float("nan")
    if not (0 < share < 1 or (zero and share == 0) or (one and share == 1)):
        low, high = "from 0" if zero else "above 0", "to 1" if one else "below 1"
        raise ValueError(
            f"{name} is {value!r}; expected a share {low} and {high}. Give 0.05 for 5 %."
        )
    return share


def _length(rows: Rows) -> int:
    return len(rows) if isinstance(rows, list) else rows.shape[0]


def _rows(name: str, rows: PlanesLike) -> Rows:
    """One array (n, height, width) as it is, anything else as a list of planes."""
    rows = rows if isinstance(rows, np.ma.MaskedArray) else plain_array(rows)
    if is_stored(rows):
        if len(rows.shape) != 3:
            hint = f" A single plane: {name}[None]." if len(rows.shape) == 2 else ""
            raise InvalidPairsError(
                f"{name} has shape {tuple(rows.shape)}; expected (n_samples, height, width), or a "
                f"list of planes.{hint}"
            )
        return rows
    if rows is None or isinstance(rows, str) or not hasattr(rows, "__len__"):
        raise InvalidPairsError(
            f"{name} is {type(rows).__name__}; expected an array (n_samples, height, width) or a "
            "list of planes. Leave out samples without a mask."
        )
    planes = [np.asarray(plane) for plane in rows]
    for i, plane in enumerate(planes):
        if plane.ndim != 2:
            raise InvalidPairsError(
                f"{name}[{i}] has shape {plane.shape}; expected (height, width). Give one plane "
                "per sample; leave out samples without a mask."
            )
    return planes
