"""Results of cells on disk: each is complete or not there at all."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.evaluation.cells import Cell, Measured
from ctmri_detect.storage.arrays import write_arrays
from ctmri_detect.storage.whole import remove_left_overs, whole_file, write_whole

FORMAT = "ctmri_detect benchmark"
FORMAT_VERSION = 1
_AT_ONCE = 256  # maps that are read together


class Store:
    """A folder with the results of cells.

    Several processes may write into one store at once, also on several machines that share the
    folder. If a process is killed, every finished cell stays, and no half-finished cell is read.

    Parameters
    ----------
    folder : str or Path
        It is made if it does not exist.

    Raises
    ------
    ValueError
        Where the folder holds something else, or was written by a version that this one can't
        read.

    Notes
    -----
    ``store.json`` holds format and version; ``log.jsonl`` has a line for each cell that was begun;
    ``cells/KEY.npz`` are the results, with samples as row numbers; ``plan.json``, ``samples.npz``
    and ``pictures.npz`` (the images of a report) belong to the benchmark that was started last.
    ``samples.npz``, ``pictures.npz`` and error messages hold the patients' names as they were
    given, or pseudonyms, see `benchmark`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     sorted(path.name for path in store.folder.iterdir())
    ['cells', 'store.json']
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        about = self.folder / "store.json"
        if self.folder.exists() and not about.exists() and _strangers(self.folder):
            raise ValueError(
                f"{self.folder} holds other files; expected a store, or a new or empty folder. "
                "Give another folder."
            )
        self.cells = self.folder / "cells"
        self.cells.mkdir(parents=True, exist_ok=True)
        if not about.exists():
            text = json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION})
            write_whole(about, text.encode())
        self._check(about)
        for each in (self.folder, self.cells):
            remove_left_overs(each)

    def _check(self, about: Path) -> None:
        try:
            found = json.loads(about.read_text("utf-8"))
            given = found["format"], found["format_version"]
        except (ValueError, KeyError, TypeError):
            given = None, None
        if given != (FORMAT, FORMAT_VERSION):
            raise ValueError(
                f"{about} says {given}; expected {(FORMAT, FORMAT_VERSION)}. Give another folder, "
                "or use the version of ctmri_detect that wrote this one."
            )

    def begin(self, cell: Cell) -> None:
        """Write into the log that a cell begins."""
        line = {"cell": cell.key, "detector": cell.detector, "seed": cell.seed, "fold": cell.fold}
        line |= {"condition": cell.condition, "level": cell.level}
        line |= {"time": time.time(), "process": os.getpid(), "machine": socket.gethostname()}
        with (self.folder / "log.jsonl").open("ab") as file:
            file.write(b"\n" + json.dumps(line).encode() + b"\n")  # one write: lines don't mix

    def log(self) -> pd.DataFrame:
        """The log: one row for each time that a cell was begun."""
        path = self.folder / "log.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        found = []
        for line in filter(None, lines):
            with suppress(ValueError):  # a line that a power cut left unfinished
                found.append(json.loads(line))
        return pd.DataFrame(found)

    def put(self, cell: Cell, measured: Measured) -> None:
        """Keep the result of a cell."""
        about: dict[str, Any] = {"has_threshold": measured.has_threshold}
        about["costs"] = measured.costs
        about["promised"] = measured.promised
        arrays: dict[str, npt.NDArray[Any]] = {}
        arrays |= {"samples": measured.samples, "decision": measured.decision}
        arrays["about"] = np.array(json.dumps(about | {"error": measured.error}))
        for start in range(0, 0 if measured.maps is None else len(measured.samples), _AT_ONCE):
            arrays[f"maps {start}"] = measured.maps[start : start + _AT_ONCE]  # type: ignore[index]
        with whole_file(self._path(cell)) as file:
            write_arrays(file, arrays)

    def get(self, cell: Cell) -> Measured | None:
        """The result of a cell without its maps, None where there is none."""
        if not self._path(cell).exists():
            return None
        with np.load(self._path(cell)) as file:
            about = json.loads(str(file["about"]))
            return Measured(file["samples"], file["decision"], **about)

    def maps(self, cell: Cell) -> Iterator[npt.NDArray[np.float16]]:
        """The maps of a cell in the order of its samples, in blocks; none where it has no maps."""
        with np.load(self._path(cell)) as file:
            for name in file.files:
                if name.startswith("maps "):
                    yield file[name]

    def is_done(self, cell: Cell) -> bool:
        """Whether a cell has run without an error."""
        found = self.get(cell)
        return found is not None and not found.error

    def _path(self, cell: Cell) -> Path:
        return self.cells / f"{cell.key}.npz"


def _strangers(folder: Path) -> list[str]:
    """Files that can't belong to a store that another process is making just now."""
    return [path.name for path in folder.iterdir() if path.name[0] != "." and path.name != "cells"]


def existing_store(folder: str | os.PathLike[str]) -> Store:
    """The store in a folder, which must already be a store.

    Raises
    ------
    ValueError
        Where the folder is no store.
    """
    if not (Path(folder) / "store.json").exists():
        raise ValueError(
            f"{folder} is no store; expected the folder that benchmark(..., store=...) or "
            "'ctmri-detect benchmark --store' wrote."
        )
    return Store(folder)
