"""Types of what callers give."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt


class StoredArray(Protocol):
    """An array that is read in parts: `Pairs`, a memmap, zarr, h5py."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its length along each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part of it."""


def is_stored(values: object) -> TypeGuard[StoredArray]:
    """Whether it has the shape, the numpy dtype and the index of such an array."""
    known = hasattr(values, "shape") and hasattr(values, "__getitem__")
    return known and isinstance(getattr(values, "dtype", None), np.dtype)


PairsLike: TypeAlias = npt.ArrayLike | StoredArray
"""Samples ``(n_samples, n_planes, height, width)``."""
PlanesLike: TypeAlias = npt.ArrayLike | StoredArray
"""Masks or maps ``(n_samples, height, width)``, or a list of planes."""
LabelsLike: TypeAlias = npt.ArrayLike | None
"""Labels of samples, +1 normal and -1 anomalous; None if there are none."""
GroupsLike: TypeAlias = npt.ArrayLike | None
"""Patient of each sample; None if they are unknown."""
RandomState: TypeAlias = int | np.random.RandomState | None
