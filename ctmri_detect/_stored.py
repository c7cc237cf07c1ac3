"""Arrays that `Pairs` wrap: joined without a copy, and sent to another process."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import StoredArray

RowNumbers = npt.NDArray[np.int64]


class Stacked:
    """Several array-likes, one after the other, read as one along axis 0.

    Parameters
    ----------
    parts : sequence of array-like
        Of one shape but for the first axis.

    Examples
    --------
    >>> Stacked([np.zeros((2, 3)), np.ones((2, 3))])[np.array([1, 2])].tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = list(parts)
        self.ends = np.cumsum([len(part) for part in self.parts])
        self.shape = (int(self.ends[-1]), *self.parts[0].shape[1:])
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: RowNumbers) -> npt.NDArray[np.float32]:
        out = np.empty((len(rows), *self.shape[1:]), np.float32)
        place = np.searchsorted(self.ends, rows, side="right")
        for i, part in enumerate(self.parts):
            if (here := place == i).any():
                start = self.ends[i] - len(part)
                out[here] = np.asarray(part[rows[here] - start])
        return out


class SomePlanes:
    """Some planes of samples, read as if there were no others.

    Parameters
    ----------
    samples : array-like of shape (n, planes, height, width)
    planes : tuple of int

    Examples
    --------
    >>> SomePlanes(np.arange(6).reshape(1, 3, 1, 2), (2, 0))[np.array([0])].tolist()
    [[[[4, 5]], [[0, 1]]]]
    """

    def __init__(self, samples: Any, planes: tuple[int, ...]) -> None:
        self.samples = samples
        self.planes = planes
        self.shape = (samples.shape[0], len(planes), *samples.shape[2:])
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: RowNumbers) -> npt.NDArray[np.float32]:
        return np.asarray(np.asarray(self.samples[rows])[:, list(self.planes)])

    def of(self, rows: RowNumbers) -> SomePlanes:
        """The same planes of these samples only."""
        return SomePlanes(self.samples[rows], self.planes)


def read_rows(
    array: StoredArray, rows: RowNumbers, *, copy: bool = True
) -> npt.NDArray[np.float32]:
    """These rows of an array-like, as float32; without `copy` perhaps as a view, to be read only.

    A value too large for float32 becomes infinity, which detectors refuse; too small, 0.
    """
    ordered, inverse = np.unique(rows, return_inverse=True)  # h5py wants increasing rows
    chosen: Any = ordered
    if isinstance(array, np.ndarray) and len(ordered) and np.ptp(ordered) == len(ordered) - 1:
        chosen = slice(int(ordered[0]), int(ordered[-1]) + 1)  # a view
    with np.errstate(over="ignore", under="ignore"):
        convert = np.array if copy and chosen is not ordered else np.asarray
        block = convert(plain_array(array[chosen]), dtype=np.float32)
    return block if np.array_equal(ordered, rows) else block[inverse]


def positions(key: Any, n: int) -> Any:
    """Which of `n` samples an index of axis 0 means: an integer for one, else an array.

    Raises
    ------
    IndexError
        For an index of two dimensions and more, and for one that is out of range.
    """
    key = plain_array(key)
    if isinstance(key, list) and not key:
        return np.arange(0)
    if np.ndim(key) > 1:
        raise IndexError(
            f"The index has {np.ndim(key)} dimensions; expected one, along the samples. Give a "
            "list or an array of rows."
        )
    return np.arange(n)[key]


def packed(array: Any, rows: RowNumbers) -> dict[str, Any]:
    """What a pickle holds of an array and the rows chosen of it: values, or where they lie.

    Raises
    ------
    TypeError
        For an array that can neither be copied in part nor be opened again.
    """
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.filename:
        where = {"path": str(Path(array.filename).absolute()), "offset": array.offset}
        where |= {"dtype": array.dtype, "shape": array.shape}
        return {"memmap": where | {"order": "F" if np.isfortran(array) else "C"}, "rows": rows}
    if isinstance(array, np.ndarray):
        return {"array": np.ascontiguousarray(array[rows]), "rows": np.arange(len(rows))}
    if isinstance(array, SomePlanes):
        return {"array": array.of(rows), "rows": np.arange(len(rows))}
    if isinstance(array, Stacked):
        return {"array": array, "rows": rows}
    package = type(array).__module__.partition(".")[0]
    if package == "h5py":
        return {"h5py": {"path": array.file.filename, "name": array.name}, "rows": rows}
    if package == "zarr":
        return {"array": array, "rows": rows}
    raise TypeError(
        f"Pairs over {type(array).__module__}.{type(array).__name__} can't be sent to another "
        "process; expected numpy, memmap, zarr or h5py. Write them to a file first: "
        "preprocessing.transform_to(pipe, X, path)."
    )


def unpacked(state: dict[str, Any]) -> tuple[Any, RowNumbers]:
    """The array and the rows of a pickle.

    Raises
    ------
    FileNotFoundError
        If the file of a memmap is gone.
    """
    if "memmap" in state:
        where = dict(state["memmap"])
        path = where.pop("path")
        if not Path(path).exists():
            raise FileNotFoundError(
                f"The pairs lie in {path}, which is not there any more. Bring the file back, or "
                "write the pairs again."
            )
        return np.memmap(path, mode="r", **where), state["rows"]
    if "h5py" in state:
        import h5py

        return h5py.File(state["h5py"]["path"])[state["h5py"]["name"]], state["rows"]
    return state["array"], state["rows"]


class Rows:
    """Chosen samples of an array-like, read as float32 when they are asked for."""

    _array: StoredArray
    _rows: RowNumbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples, planes, height, width."""
        return (len(self._rows), *(int(side) for side in self._array.shape[1:]))

    ndim = 4

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        for i in range(len(self)):
            yield read_rows(self._array, self._rows[i : i + 1])[0]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError(
                "copy=False is impossible, because Pairs are converted when they are read; "
                "expected copy=None or copy=True."
            )
        return np.asarray(read_rows(self._array, self._rows), dtype=dtype)

    def read(self, positions: npt.ArrayLike, *, copy: bool = True) -> npt.NDArray[np.float32]:
        """``numpy.asarray(pairs[positions])`` in less time; without `copy`, for reading only."""
        return read_rows(self._array, self._rows[np.asarray(positions)], copy=copy)
