"""The folder of results: checked first; files go to a temporary folder and are moved together."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ctmri_detect.cli._messages import tell
from ctmri_detect.exceptions import InvalidPairsError, MissingModalityError
from ctmri_detect.storage.results import RESULT_FILES

OVERLAYS, MAPS = "overlays", "maps"
_FOLDERS = {
    OVERLAYS: re.compile(r"\d{3,}_.*\.png"),
    MAPS: re.compile(r".+_(anomaly|z_[\w.-]+|ct|image)\.(nii\.gz|npy|tif)"),
}
"""Folders of the results and the names of files in them that the commands wrote and may replace."""
_UNFINISHED = "unfinished"


@contextmanager
def results_folder(path: str, *, overwrite: bool) -> Iterator[Path]:
    """An empty folder for results; when all are complete, they are moved to `path` together.

    Refused at once are a folder that can't be written, and one that holds the results of an
    earlier run, unless `overwrite` is True. Older results stay until the new ones are complete.
    No other file of the folder is touched, and a run that fails leaves everything as it was.

    Raises
    ------
    OSError
        If the folder can't be used. The message says why and what to do.
    """
    target = Path(path)
    made = _make(target)
    try:
        earlier = _results(target)
        if earlier and not overwrite:
            raise FileExistsError(
                f"{path} holds the results of an earlier run ({_shown(earlier)}); results of two "
                "runs are never mixed. Give another --out, or replace them with --overwrite."
            )
        with _aside(target) as work:
            yield work / "new"
            _swap(work, target)
    finally:
        _unmake(made)


@contextmanager
def unfinished_run(path: str, *, resume: bool, overwrite: bool) -> Iterator[Path]:
    """The folder inside `path` that keeps the scores of a run until its results are complete.

    It stays if the run is stopped or fails, unless nothing was scored yet, or the pairs are wrong:
    the run can't go on with other pairs.

    Raises
    ------
    FileExistsError
        If a run was stopped, and neither `resume` nor `overwrite` is True.
    """
    kept = Path(path) / _UNFINISHED
    if kept.exists() and not resume:
        if not overwrite:
            raise FileExistsError(
                f"{path} holds the scores of a run that was stopped. Continue it with --resume, or "
                "begin again with --overwrite."
            )
        shutil.rmtree(kept)
    try:
        yield kept
    except BaseException as error:
        wrong = isinstance(error, InvalidPairsError | MissingModalityError)
        if wrong or not any(kept.glob("blocks/*.npz")):
            shutil.rmtree(kept, ignore_errors=True)
        elif isinstance(error, KeyboardInterrupt):
            tell(f"the scores so far stay in {kept}; the same command with --resume continues")
        raise


def output_file(path: str) -> Path:
    """The file to write, refused early if it can't be written; nothing is written yet."""
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file to write.")
    made = _make(file.parent)
    try:
        with tempfile.TemporaryFile(dir=file.parent) as probe:
            probe.write(b"x")
    except OSError as error:
        _unmake(made)
        raise _unwritable(path, error) from error
    return file


def _make(folder: Path) -> list[Path]:
    """Make the folder and its parents; returns those that were missing, the innermost first."""
    missing = [each for each in (folder, *folder.parents) if not os.path.exists(each)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _unmake(missing)
        if os.path.isfile(folder):
            raise NotADirectoryError(f"{folder} is a file; expected a folder.") from error
        raise _unwritable(str(folder), error) from error
    return missing


def _unmake(made: list[Path]) -> None:
    """Remove those folders that are still empty."""
    with suppress(OSError):
        for folder in made:
            folder.rmdir()


def _unwritable(path: str, error: OSError) -> OSError:
    return OSError(f"{path} can't be written: {error.strerror}. Give another --out.")


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A temporary folder for incomplete results; errors name the target in its place.

    It lies inside the target, because the target may be a mount whose parent can't be written.
    """
    try:
        work = Path(tempfile.mkdtemp(dir=target, prefix=".ctmri-detect-"))
    except OSError as error:
        raise _unwritable(str(target), error) from error
    try:
        (work / "new").mkdir()
        yield work
    except OSError as error:
        # writing to a full disk names no file; reading always names one
        if error.errno is None or not str(error.filename or work).startswith(str(work)):
            raise
        raise _unwritable(str(target), error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _results(folder: Path) -> list[Path]:
    """The results of earlier runs in the folder, as relative paths."""
    found = [Path(name) for name in RESULT_FILES if os.path.lexists(folder / name)]
    for inner, pattern in _FOLDERS.items():
        if (folder / inner).is_dir():
            names = sorted(path.name for path in (folder / inner).iterdir())
            found += [Path(inner, name) for name in names if pattern.fullmatch(name)]
    return found


def _shown(files: list[Path]) -> str:
    names = list(dict.fromkeys(f.parts[0] for f in files))
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _swap(work: Path, target: Path) -> None:
    """Move the older results out and the new ones in: all of them or none."""
    new = sorted(p.relative_to(work / "new") for p in (work / "new").rglob("*") if p.is_file())
    moved: list[tuple[Path, Path]] = []
    try:
        for source, goal, files in (
            (target, work / "old", _results(target)),
            (work / "new", target, new),
        ):
            for file in files:
                (goal / file).parent.mkdir(parents=True, exist_ok=True)
                os.replace(source / file, goal / file)
                moved.append((source / file, goal / file))
    except BaseException:
        for before, after in reversed(moved):
            os.replace(after, before)
        raise
    for inner in _FOLDERS:
        _unmake([target / inner])  # empty if only the older run wrote into it
