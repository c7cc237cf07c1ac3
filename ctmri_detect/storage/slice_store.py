"""Where slices go as they come: into memory, or into a file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.storage.writer import PairWriter, check_target_path


class SliceStore:
    """Takes pairs of one shape; `data` gives them as one array or read-only memmap.

    Parameters
    ----------
    cache : str, Path or None
        The ``.npy`` file to write; None keeps the pairs in memory.

    Raises
    ------
    ValueError, FileExistsError, FileNotFoundError
        Where the file can't be written, before anything is read.
    """

    def __init__(self, cache: str | Path | None) -> None:
        self.cache = None if cache is None else check_target_path(cache)
        self._shape: tuple[int, ...] | None = None
        self._first = ""
        self._pairs: list[NDArray[np.float32] | None] = []
        self._writer: PairWriter | None = None

    def __enter__(self) -> SliceStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)

    def append(self, pair: NDArray[np.float32], name: str) -> None:
        """Take one pair; `name` is for the message.

        Raises
        ------
        ValueError
            Where its shape is not that of the first.
        """
        if self._shape is None:
            self._shape, self._first = pair.shape, name
            if self.cache is not None:
                self._writer = PairWriter(self.cache, pair.shape).__enter__()
        if pair.shape != self._shape:
            sizes = [f"{shape[1]}x{shape[2]}" for shape in (self._shape, pair.shape)]
            raise ValueError(
                f"The volumes differ in size: {self._first} is {sizes[0]}, {name} is {sizes[1]}. "
                "Expected one size; pass size=, such as size=256, to scale all."
            )
        if self._writer is not None:
            self._writer.append(pair[None])
        else:
            self._pairs.append(pair)

    def data(self) -> NDArray[np.float32]:
        """All pairs ``(n, 2, height, width)``; after the with-block, once."""
        if self._writer is not None:
            return self._writer.open()
        out = np.empty((len(self._pairs), *(self._shape or ())), dtype=np.float32)
        for i, pair in enumerate(self._pairs):
            out[i] = pair
            self._pairs[i] = None  # given back while the other array fills: never twice in memory
        return out
