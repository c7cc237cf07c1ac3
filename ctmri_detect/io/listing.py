"""List the files of a folder, at any depth, without opening one."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.names import natural

Skipped = list[tuple[str, str]]
"""Files that were not used, relative to their folder, each with the reason."""

_MAX_DEPTH = 32  # folders
_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db"}  # left by file managers
_UNREADABLE = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes that are no text, line ends


@dataclass
class Listing:
    """What a folder holds: POSIX paths relative to it, in natural order.

    Attributes
    ----------
    files : list of str
    broken : list of (str, str)
        Folders and links that can't be followed, each with the reason.
    """

    files: list[str] = field(default_factory=list)
    broken: Skipped = field(default_factory=list)


@dataclass(frozen=True)
class _Place:
    """A folder that is still to be listed.

    Attributes
    ----------
    name : str
        Its path relative to the root, with links.
    ancestors : tuple of str
        The real paths of the folders on the way to it, and its own.
    links : int
        Number of links on the way to it.
    """

    name: str
    ancestors: tuple[str, ...]
    links: int = 0


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; False where this can't be known."""
    try:
        return path.is_dir()
    except OSError:
        return False


def scan(folder: Path) -> Listing:
    """List a folder and all below it; hidden files and those of file managers are left out.

    Links are followed, but never back to a folder on the way to them. Below two links, each folder
    is listed only once, because folders with links to one another would give endless paths.

    Raises
    ------
    DataLoadingError
        If `folder` is no folder, or may not be read.
    """
    if not is_folder(folder):
        raise DataLoadingError(
            f"{folder} is no folder; expected a folder with CT/ and MRI/, or with one of the "
            "other layouts that find_pairs knows."
        )
    listing = Listing()
    todo = [_Place("", (os.path.realpath(folder),))]
    listed: set[str] = set()
    while todo:
        place = todo.pop()
        if place.links > 1 and place.ancestors[-1] in listed:
            continue
        listed.add(place.ancestors[-1])
        try:
            with os.scandir(os.path.join(folder, place.name)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not place.name:
                raise DataLoadingError(
                    f"The folder {folder.name} can't be read: {error.strerror}."
                ) from None
            listing.broken.append((place.name, f"the folder can't be read ({error.strerror})"))
            continue
        for entry in entries:
            _sort_in(entry, place, listing, todo)
    listing.files.sort(key=natural)
    return listing


def _sort_in(entry: os.DirEntry[str], place: _Place, listing: Listing, todo: list[_Place]) -> None:
    name = f"{place.name}/{entry.name}" if place.name else entry.name
    if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
        return
    if any(unicodedata.category(sign) in _UNREADABLE for sign in entry.name):
        listing.broken.append((ascii(name)[1:-1], "its name is no readable text"))
        return
    try:
        folder, file = entry.is_dir(), entry.is_file()
    except OSError as error:  # a link to itself, or through a folder that may not be entered
        listing.broken.append((name, f"a link to nothing that can be read ({error.strerror})"))
        return
    if folder:
        linked = entry.is_symlink()
        above = place.ancestors
        real = os.path.realpath(entry.path) if linked else f"{above[-1]}{os.sep}{entry.name}"
        if len(above) == _MAX_DEPTH:
            listing.broken.append((name, f"below {_MAX_DEPTH} folders nothing is looked for"))
        elif real not in above:
            todo.append(_Place(name, (*above, real), place.links + linked))
    elif file:
        listing.files.append(name)
    elif entry.is_symlink():
        listing.broken.append((name, "a link to nothing that can be read"))


def first_reasons(skipped: Skipped) -> str:
    """The first three entries in brackets, for a message."""
    if not skipped:
        return ""
    shown = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
    return f" ({shown}{'; ...' if len(skipped) > 3 else ''})"
