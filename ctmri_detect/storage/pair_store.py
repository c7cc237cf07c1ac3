"""A store for pairs as they are made: in memory, or in a file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.storage.writer import PairWriter, check_target_path

_CHUNK = 2**26  # bytes: the system gets so large a piece back as soon as it is freed


class PairStore:
    """Takes blocks of pairs of the same shape; `data` gives one array or read-only memmap.

    Parameters
    ----------
    cache : str, Path or None
        The ``.npy`` file to write (see `PairWriter`); None keeps the pairs in memory.
    overwrite : bool, default=False
        Replace an existing file.

    Attributes
    ----------
    shape : tuple of int or None
        Shape of one pair; None before the first.

    Raises
    ------
    ValueError, FileExistsError, FileNotFoundError
        If the file can't be written; before anything is read.

    Examples
    --------
    >>> with PairStore(None) as store:
    ...     for value in range(3):
    ...         store.append(np.full((2, 2, 4, 4), value, np.float32))
    >>> store.data().shape, store.data()[:, 0, 0, 0].tolist()
    ((6, 2, 4, 4), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0])
    """

    def __init__(self, cache: str | os.PathLike[str] | None, *, overwrite: bool = False) -> None:
        self.cache = None if cache is None else check_target_path(cache, overwrite)
        self.overwrite = overwrite
        self.shape: tuple[int, ...] | None = None
        self._writer: PairWriter | None = None
        self._chunks: list[NDArray[np.float32]] = []
        self._free = 0  # pairs for which there is still room in the last chunk

    def __enter__(self) -> PairStore:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def append(self, block: NDArray[np.float32]) -> None:
        """Take pairs ``(n, n_planes, height, width)``, all of the shape of the first."""
        if self.shape is None:
            self.shape = block.shape[1:]
            if self.cache is not None:
                writer = PairWriter(self.cache, self.shape, overwrite=self.overwrite)
                self._writer = writer.__enter__()
        if self._writer is not None:
            self._writer.append(block)
        else:
            self._keep(block)

    def data(self) -> NDArray[np.float32]:
        """All pairs ``(n, n_planes, height, width)``; call it after the with-block."""
        if self._writer is not None:
            return self._writer.open()
        if self._free:
            self._chunks[-1] = self._chunks[-1][: -self._free]
            self._free = 0
        if len(self._chunks) > 1:
            out = np.empty((sum(map(len, self._chunks)), *(self.shape or ())), dtype=np.float32)
            end = len(out)
            while self._chunks:  # each chunk is freed once it is copied, so memory is not doubled
                chunk = self._chunks.pop()
                out[end - len(chunk) : end] = chunk
                end -= len(chunk)
            self._chunks = [out]
        return self._chunks[0]

    def _keep(self, block: NDArray[np.float32]) -> None:
        while len(block):
            if not self._free:
                self._free = max(1, _CHUNK // block[0].nbytes)
                self._chunks.append(np.empty((self._free, *block.shape[1:]), dtype=np.float32))
            chunk, n = self._chunks[-1], min(self._free, len(block))
            start = len(chunk) - self._free
            chunk[start : start + n] = block[:n]
            self._free -= n
            block = block[n:]
