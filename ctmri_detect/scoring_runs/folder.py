"""The folder of a run: what it belongs to, and one file for each finished block."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import ctmri_detect
from ctmri_detect.storage.arrays import write_arrays
from ctmri_detect.storage.whole import remove_left_overs, whole_file, write_whole

FORMAT = "ctmri_detect scores"
FORMAT_VERSION = 1
_ABOUT = "run.json"
NO_COLUMNS = ("map", "named")  # anomaly maps; (step, row) of samples that a step warns of
_BELONGS = {  # what must not change between two calls, and its words in the error
    "model": "another model, or of one with another threshold",
    "data": "other pairs",
    "version": "another version of ctmri_detect",
    "maps": "a run with another `maps`",
    "threshold": "a run with another `threshold`",
}


@dataclass(frozen=True)
class Run:
    """What the results of a folder belong to.

    Parameters
    ----------
    model, data : str
        Digests, see `identity`.
    n_samples, block_size : int
    maps : bool
        Whether anomaly maps are kept.
    threshold : float
        Least absolute z of a region's pixels.
    version : str, default=the version of this library
    """

    model: str
    data: str
    n_samples: int
    block_size: int
    maps: bool
    threshold: float
    version: str = ctmri_detect.__version__

    @property
    def blocks(self) -> list[range]:
        """The rows of each block."""
        starts = range(0, self.n_samples, self.block_size)
        return [range(start, min(start + self.block_size, self.n_samples)) for start in starts]


@dataclass(frozen=True)
class RunFolder:
    """The files of a run; each is complete or not there at all.

    Parameters
    ----------
    path : Path

    Notes
    -----
    ``run.json`` holds format, version and what the results belong to. ``blocks/START-STOP.npz`` are
    the results of rows START to STOP - 1, with the names of patients as given.
    """

    path: Path

    def begin(self, run: Run) -> Run:
        """Begin a run in a new folder, or continue one of the same model and pairs.

        Returns the run of the folder, which may have another block size.

        Raises
        ------
        ValueError
            Where the folder holds anything else.
        """
        about = self.path / _ABOUT
        if not about.exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise ValueError(
                    f"{self.path} holds other files; expected a new or empty folder, or one that "
                    "score_to wrote to. Give another folder."
                )
            (self.path / "blocks").mkdir(parents=True, exist_ok=True)
            text = {"format": FORMAT, "format_version": FORMAT_VERSION} | asdict(run)
            write_whole(about, json.dumps(text, indent=1).encode())
        found = self.run()
        wrong = [said for n, said in _BELONGS.items() if getattr(found, n) != getattr(run, n)]
        if wrong:
            raise ValueError(
                f"{self.path} holds scores of {' and of '.join(wrong)}; expected the model, the "
                "pairs and the settings that the folder was begun with. Give another folder, or "
                "delete this one."
            )
        remove_left_overs(self.path / "blocks")
        return found

    def run(self) -> Run:
        """What the results belong to.

        Raises
        ------
        ValueError
            Where the folder holds no run, or one of another format version.
        """
        about = self.path / _ABOUT
        try:
            found = json.loads(about.read_text("utf-8"))
            given = found.pop("format"), found.pop("format_version")
        except FileNotFoundError:
            raise ValueError(
                f"{self.path} holds no scores; expected a folder that score_to wrote to. Check the "
                "path."
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            given = None, None
        if given != (FORMAT, FORMAT_VERSION):
            raise ValueError(
                f"{about} says {given}; expected {(FORMAT, FORMAT_VERSION)}. Use the version of "
                "ctmri_detect that wrote it, or score again into another folder."
            )
        return Run(**found)

    def missing(self, run: Run) -> list[range]:
        """The blocks that have no result yet."""
        return [rows for rows in run.blocks if not self._file(rows).exists()]

    def put(self, rows: range, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Keep the result of a block."""
        with whole_file(self._file(rows)) as file:
            write_arrays(file, arrays)

    def get(self, rows: range, only: str | None = None) -> dict[str, npt.NDArray[Any]]:
        """The result of a block: its columns, or one of `NO_COLUMNS` alone.

        Raises
        ------
        ValueError
            Where the file is damaged.
        """
        path = self._file(rows)
        try:
            with np.load(path) as file:
                names = [only] if only else [n for n in file.files if n not in NO_COLUMNS]
                return {name: file[name] for name in names}
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
            raise ValueError(
                f"{path} is damaged ({error}). Delete it, and call score_to again: only its rows "
                "are scored again."
            ) from error

    def _file(self, rows: range) -> Path:
        return self.path / "blocks" / f"{rows.start:09d}-{rows.stop:09d}.npz"
