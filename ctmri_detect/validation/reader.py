"""Rows of an array of pairs, read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._particulars import checked_modalities
from ctmri_detect._stored import read_rows
from ctmri_detect._types import StoredArray
from ctmri_detect.modalities import Roles, roles_of
from ctmri_detect.pairs import Pairs

BLOCK = 64  # samples read at a time when all of X is looked through


class PairReader:
    """Rows of an array-like of samples, read in blocks as float32.

    Wraps anything with ``shape``, ``dtype`` and slicing along axis 0 (numpy, memmap, zarr,
    h5py) together with a choice of rows, so that a subset costs no copy.

    Parameters
    ----------
    array : array-like of shape (n, n_planes, height, width)
        The pairs.
    rows : array of int, default=None
        Which samples, in which order; None means all.
    groups : array of int, default=None
        Patient of each chosen sample, where they are known.

    Attributes
    ----------
    missing : bool array (n, n_planes) or None
        Which planes hold no value at all, once `check_pairs` has looked.

    Examples
    --------
    >>> reader = PairReader(np.zeros((5, 2, 8, 8)), rows=np.array([4, 0]))
    >>> reader.shape, reader[:1].dtype
    ((2, 2, 8, 8), dtype('float32'))
    """

    def __init__(
        self,
        array: StoredArray,
        rows: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
    ) -> None:
        self.array = array
        self.rows = np.arange(array.shape[0]) if rows is None else np.asarray(rows, dtype=int)
        self.groups = None if groups is None else np.asarray(groups)
        self.missing: npt.NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the chosen samples."""
        return (len(self.rows), *(int(s) for s in self.array.shape[1:]))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the planes: those that `Pairs` know; two planes without names are CT and MRI."""
        if isinstance(self.array, Pairs):
            return self.array.modalities
        return checked_modalities(None, self.shape[1])

    @property
    def roles(self) -> Roles:
        """The role of each plane, "ct", "mri" or "pet"; None where nobody named the planes."""
        return self.array.roles if isinstance(self.array, Pairs) else roles_of(self.modalities)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> npt.NDArray[np.float32]:
        return self._read(key, copy=True)

    def _read(self, key: Any, copy: bool) -> npt.NDArray[np.float32]:
        rows, array = np.atleast_1d(self.rows[key]), self.array
        if isinstance(array, Pairs):
            return array.read(rows, copy=copy)
        return read_rows(array, rows, copy=copy)

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def take(self, rows: npt.ArrayLike) -> PairReader:
        """These rows, their patients and missing planes; nothing is read yet."""
        rows = np.asarray(rows)
        groups = None if self.groups is None else self.groups[rows]
        taken = PairReader(self.array, self.rows[rows], groups)
        taken.missing = None if self.missing is None else self.missing[rows]
        return taken

    def with_groups(self, groups: npt.ArrayLike | None) -> PairReader:
        """The same samples, of these patients."""
        same = PairReader(self.array, self.rows, groups)
        same.missing = self.missing
        return same

    def blocks(self, size: int = BLOCK, *, copy: bool = True) -> Iterator[npt.NDArray[np.float32]]:
        """Float32 blocks of at most `size` samples, in order.

        Without `copy`, blocks may be views of the array: do not write into them.
        """
        for start in range(0, len(self), size):
            yield self._read(slice(start, start + size), copy)
