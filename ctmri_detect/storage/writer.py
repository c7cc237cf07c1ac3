"""One ``.npy`` file, written block by block, whole or not at all."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.storage.whole import whole_file


class PairWriter:
    """Write float32 samples to a ``.npy`` file, block by block, whole or not at all.

    The samples go to ``<name>.partial`` beside the target. When the with-block ends without an
    error, that file gets its final header and its final name; after an error it is removed. A
    killed process leaves a ``.partial`` file whose header says that it holds no samples; the next
    writer replaces it. There may be any number of samples; memory holds one block.

    Parameters
    ----------
    path : str or Path
        The file to write; ends in ``.npy``. Its folder exists.
    shape : tuple of int
        Shape of one sample, such as ``(2, height, width)``.
    overwrite : bool, default=False
        Replace an existing file. The old file stays until the new one is complete.

    Attributes
    ----------
    n_samples : int
        Samples written so far.

    Raises
    ------
    ValueError
        If the path doesn't end in ``.npy``.
    FileExistsError, FileNotFoundError
        If the file exists, or its folder does not.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import PairWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with PairWriter(Path(folder) / "pairs.npy", shape=(2, 8, 8)) as writer:
    ...         for block in (np.zeros((3, 2, 8, 8)), np.ones((2, 2, 8, 8))):
    ...             writer.append(block)
    ...     stored = writer.open()
    ...     stored.shape, stored.dtype, float(stored[4].mean())
    ((5, 2, 8, 8), dtype('float32'), 1.0)
    """

    def __init__(
        self, path: str | os.PathLike[str], shape: tuple[int, ...], *, overwrite: bool = False
    ) -> None:
        self.path = check_target_path(path, overwrite)
        self.shape = tuple(int(side) for side in shape)
        self.overwrite = overwrite
        self.n_samples = 0
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._file: BinaryIO | None = None
        self._open = ExitStack()
        self._complete = False

    def __enter__(self) -> PairWriter:
        self._partial.unlink(missing_ok=True)  # what a killed process left
        self._file = self._open.enter_context(whole_file(self.path, self._partial))
        self._write_header(self._file, 0)
        return self

    def append(self, block: ArrayLike) -> None:
        """Write samples ``(n, *shape)``; they are stored as float32.

        Raises
        ------
        InvalidPairsError
            If the samples have another shape.
        ValueError
            If the writer is used outside its with-block.
        """
        if self._file is None:
            raise ValueError("The writer is not open; append inside `with PairWriter(...)`.")
        block = np.ascontiguousarray(block, dtype=np.float32)
        if block.shape[1:] != self.shape:
            raise InvalidPairsError(
                f"The block has shape {block.shape}; expected (n, "
                f"{', '.join(map(str, self.shape))}), the shape with which {self.path.name} began."
            )
        self._file.write(block.data)
        self.n_samples += len(block)

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if kind is not None:
            self._open.__exit__(kind, *error)
            return
        with self._open:
            self._finish(file)
        self._complete = True

    def open(self) -> NDArray[np.float32]:
        """The finished file as a read-only memory map ``(n_samples, *shape)``.

        Raises
        ------
        ValueError
            If the with-block has not ended, or ended with an error.
        """
        if not self._complete:
            raise ValueError(f"{self.path.name} is not complete; open it after the with-block.")
        return np.load(self.path, mmap_mode="r")

    def _finish(self, file: BinaryIO) -> None:
        if self.n_samples == 0:
            raise InvalidPairsError(
                f"No sample was written to {self.path.name}; expected at least one."
            )
        file.seek(0)
        self._write_header(file, self.n_samples)
        check_target_path(self.path, self.overwrite)  # the file may have been made meanwhile

    def _write_header(self, file: BinaryIO, n_samples: int) -> None:
        # numpy pads the header, so that a larger first axis does not move the data
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_samples, *self.shape)}
        np.lib.format.write_array_header_1_0(file, header)


def check_target_path(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The path as a Path, if a ``.npy`` file may be written there; raises otherwise."""
    path = Path(path)
    if path.suffix != ".npy":
        raise ValueError(f"path is {path.name!r}; expected a file name that ends in '.npy'.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder of {path.name} does not exist; make it first.")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path.name} exists. Open it with np.load(path, mmap_mode='r'), give another path, "
            "or replace it with overwrite=True."
        )
    return path
