"""Where results go: checked first, written to a temporary folder, moved into place together."""

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
"""What the commands write into folders of the results: what is theirs to replace."""
_UNFINISHED = "unfinished"


@contextmanager
def results_folder(path: str, *, overwrite: bool) -> Iterator[Path]:
    """An empty folder to write results to; they reach `path` together, when all are there.

    Refused at once: a folder that can't be written, and one that holds the results of an earlier
    run, unless `overwrite` says to replace them. Then they stay until the new ones are complete.
    No other file of the folder is touched, and a run that fails leaves everything as it was.

    Raises
    ------
    OSError
        Where the folder can't be used; the message says why and what to do.
    """
    target = Path(path)
    made = _make(target)
    try:
        earlier = _results(target)
        if earlier and not overwrite:
            raise FileExistsError(
                f"{path} holds the results of an earlier run ({_shown(earlier)}), and the results "
                "of two runs don't mix. Give another --out, or replace them with --overwrite."
            )
        with _aside(target) as work:
            yield work / "new"
            _swap(work, target)
    finally:
        _unmake(made)


@contextmanager
def unfinished_run(path: str, *, resume: bool, overwrite: bool) -> Iterator[Path]:
    """The folder inside `path` that keeps the scores of a run until its results are complete.

    It stays where the run is stopped or fails, unless nothing was scored yet, or the pairs are
    wrong: other ones would be other data.

    Raises
    ------
    FileExistsError
        Where a run was stopped, and nobody says whether to go on with it or to begin again.
    """
    kept = Path(path) / _UNFINISHED
    if kept.exists() and not resume:
        if not overwrite:
            raise FileExistsError(
                f"{path} holds the scores of a run that was stopped. Go on with it: --resume. Or "
                "begin again: --overwrite."
            )
        shutil.rmtree(kept)
    try:
        yield kept
    except BaseException as error:
        wrong = isinstance(error, InvalidPairsError | MissingModalityError)
        if wrong or not any(kept.glob("blocks/*.npz")):
            shutil.rmtree(kept, ignore_errors=True)
        elif isinstance(error, KeyboardInterrupt):
            tell(f"what is scored stays in {kept}; the same command with --resume goes on")
        raise


def output_file(path: str) -> Path:
    """The file, refused early where it can't be written; an existing one stays as it is."""
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
    """Make the folder and what it lies in; returns what was missing, the innermost first."""
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
    """Remove what was made and is empty still."""
    with suppress(OSError):
        for folder in made:
            folder.rmdir()


def _unwritable(path: str, error: OSError) -> OSError:
    return OSError(f"{path} can't be written: {error.strerror}. Give another --out.")


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A folder for what isn't complete yet; an error that names it names the target instead.

    It lies inside the target: that may be a mount, and its parent not ours to write.
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
    """What earlier runs left, relative to the folder."""
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
    """Move the older results out and the new ones in; all of it or nothing."""
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
        _unmake([target / inner])  # where the older run had some and this one has none
