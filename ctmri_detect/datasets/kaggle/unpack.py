"""Unpack a zip archive from a source that is not trusted."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ctmri_detect.exceptions import DataLoadingError

MAX_RATIO = 200
"""An entry above 1 MiB that grows more than this many times is taken for a zip bomb; images grow
1 to 5 times."""

_BLOCK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Unpacked(NamedTuple):
    """SHA-256 and size in bytes of a file that was written."""

    sha256: str
    size: int


def unpack_zip(
    archive: str | Path, target: str | Path, *, max_bytes: int, max_files: int
) -> dict[str, Unpacked]:
    """Unpack a zip archive into a new folder: all of it or nothing.

    Every name is checked before the first byte is written. Refused are: names that could leave
    `target` (absolute, ``..``, drives, streams); anything that is neither file nor folder, such as
    symbolic links; encrypted entries; two names that are the same on some file system; and archives
    that declare, or unpack to, more than is allowed. Permissions and dates are not restored.

    Parameters
    ----------
    archive : str or Path
        The zip file.
    target : str or Path
        A new folder, in one that exists. It is removed again after any failure.
    max_bytes : int
        Largest number of bytes to unpack.
    max_files : int
        Largest number of entries, folders included.

    Returns
    -------
    dict of str to Unpacked
        SHA-256 and size in bytes of each file, by its POSIX path relative to `target`.

    Raises
    ------
    DataLoadingError
        If the archive is refused, damaged, cut short or no zip file.
    OSError
        If `target` exists or can't be written.

    Examples
    --------
    >>> import tempfile, zipfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name) / "a.zip"
    ...     with zipfile.ZipFile(path, "w") as zipped:
    ...         zipped.writestr("images/one.txt", "1")
    ...     files = unpack_zip(path, Path(name) / "out", max_bytes=100, max_files=10)
    >>> {name: file.size for name, file in files.items()}
    {'images/one.txt': 1}
    """
    archive, target = Path(archive), Path(target)
    try:
        with zipfile.ZipFile(archive) as zipped:
            entries = _judged(zipped.infolist(), archive, max_bytes, max_files)
            target.mkdir()
            try:
                return _write(zipped, entries, target, max_bytes)
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise
    except _DAMAGED as error:
        raise DataLoadingError(
            f"{archive.name} is damaged, cut short or no zip file "
            f"({type(error).__name__}: {error}). Download it again."
        ) from error


def _judged(
    entries: list[zipfile.ZipInfo], archive: Path, max_bytes: int, max_files: int
) -> dict[str, zipfile.ZipInfo]:
    """The files of the archive by their path; an error if any entry may not be unpacked."""
    if len(entries) > max_files:
        raise _refused(archive, f"it holds {len(entries)} entries, more than {max_files}")
    files: dict[str, zipfile.ZipInfo] = {}
    taken: set[str] = set()
    folders: set[str] = set()
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        reason = _reason_against(entry, path)
        if reason:
            raise _refused(archive, f"entry {entry.filename[:100]!r} {reason}")
        folders.update(_same(parent) for parent in path.parents)
        if _is_folder(entry):
            folders.add(_same(path))
            continue
        if _same(path) in taken:
            raise _refused(archive, f"the name {entry.filename[:100]!r} comes twice")
        taken.add(_same(path))
        files[str(path)] = entry
    if taken & folders:
        raise _refused(archive, f"{min(taken & folders)[:100]!r} is both a file and a folder")
    _judge_sizes(list(files.values()), archive, max_bytes)
    return files


def _reason_against(entry: zipfile.ZipInfo, path: PurePosixPath) -> str:
    """Why this entry can't be unpacked; empty where it can."""
    kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was made without modes
    if "\0" in entry.orig_filename or re.search(r"[\x00-\x1f]", str(path)):
        return "has control characters in its name"
    if path.is_absolute():
        return "has an absolute path"
    if ":" in str(path):
        return "names a drive or a stream"
    if any(part != part.rstrip(" .") for part in path.parts):  # Windows drops these
        return "could leave the folder (a part is '..' or ends in a dot or space)"
    if not path.parts and not _is_folder(entry):
        return "has no name"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a special file"
    if entry.flag_bits & 1:
        return "is encrypted"
    return ""


def _judge_sizes(entries: list[zipfile.ZipInfo], archive: Path, max_bytes: int) -> None:
    if not entries:
        raise _refused(archive, "it holds no files")
    total = sum(entry.file_size for entry in entries)
    if total > max_bytes:
        raise _refused(archive, f"it unpacks to {total} bytes, more than {max_bytes}")
    if sum(entry.compress_size for entry in entries) > archive.stat().st_size:
        raise _refused(archive, "its entries share the same bytes")
    for entry in entries:
        if entry.file_size > max(_BLOCK, MAX_RATIO * entry.compress_size):
            grows = f"{entry.compress_size} to {entry.file_size} bytes"
            raise _refused(archive, f"entry {entry.filename[:100]!r} grows from {grows}")


def _write(
    zipped: zipfile.ZipFile, files: dict[str, zipfile.ZipInfo], target: Path, max_bytes: int
) -> dict[str, Unpacked]:
    written: dict[str, Unpacked] = {}
    left = max_bytes
    for name, entry in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipped.open(entry) as source, path.open("xb") as sink:
            written[name] = copy_limited(source, sink, left)
        left -= written[name].size
    return written


def copy_limited(source: IO[bytes], sink: IO[bytes], limit: int) -> Unpacked:
    """Copy a stream, up to `limit` bytes; a DataLoadingError if there are more."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > limit:  # what the archive declares may be a lie
            raise DataLoadingError(
                "The archive unpacks to more bytes than are allowed. Download it again from its "
                "source."
            )
        digest.update(block)
        sink.write(block)
    return Unpacked(digest.hexdigest(), size)


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith(("/", "\\"))


def _same(path: PurePosixPath) -> str:
    """One text for all names that some file system takes for the same: by case and accents."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _refused(archive: Path, reason: str) -> DataLoadingError:
    return DataLoadingError(
        f"{archive.name} was not unpacked: {reason}. Download it again from its source."
    )
