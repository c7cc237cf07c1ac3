"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

_LEFT_OVER = 3600.0  # seconds after which a half-written file is no longer in use


@contextmanager
def whole_file(path: Path, beside: Path | None = None) -> Iterator[BinaryIO]:
    """Write to another file, which is renamed to `path` when the with-block ends.

    After an error that file is removed, and `path` holds what it held before. The content is on
    the disk before the file is renamed, so a power cut leaves the old file or the new one.

    Parameters
    ----------
    path : Path
        A file in a folder that exists.
    beside : Path, default=None
        The other file, new and in the same folder. None: a hidden file with a random name.

    Raises
    ------
    FileExistsError
        If `beside` exists, or another process replaced it in the meantime.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder) / "a.txt") as file:
    ...         _ = file.write(b"all of it")
    ...     [path.read_text() for path in Path(folder).iterdir()]
    ['all of it']
    """
    beside = beside or path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    file = beside.open("xb")
    own = os.fstat(file.fileno())
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not _is(beside, own):
            raise FileExistsError(
                f"{beside.name} was replaced by another process that also writes {path.name}. Give "
                "each process its own path."
            )
        os.replace(beside, path)
    finally:
        if _is(beside, own):
            beside.unlink()
    _sync(path.parent)


def write_whole(path: Path, *parts: Any) -> None:
    """Write bytes to a file: `path` holds the old content or the new, never a part of it."""
    with whole_file(path) as file:
        for part in parts:
            file.write(part)


def remove_left_overs(folder: Path) -> None:
    """Remove half-written files that killed processes left in a folder more than an hour ago."""
    for path in folder.glob(".*.tmp"):
        if time.time() - path.stat().st_mtime > _LEFT_OVER:
            path.unlink(missing_ok=True)


def _is(path: Path, own: os.stat_result) -> bool:
    return path.exists() and os.path.samestat(own, path.stat())


def _sync(folder: Path) -> None:
    """Write the new name to the disk, too; else a power cut may undo it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
