"""Which files a folder holds, at any depth, without opening one."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from ctmri_detect.datasets._files.names import natural
from ctmri_detect.exceptions import DataLoadingError

Skipped = list[tuple[str, str]]
"""Files that were not used, relative to their folder, each with the reason."""

_MAX_DEPTH = 32  # folders: deeper trees are links that cross each other
_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db"}  # left by file managers
_UNREADABLE = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes of no text, ends of lines


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


def scan(folder: Path) -> Listing:
    """List a folder and all below it; hidden files and those of file managers are left out.

    Links are followed, but never back to a folder that they lie in.

    Raises
    ------
    DataLoadingError
        Where `folder` is no folder.
    """
    if not folder.is_dir():
        raise DataLoadingError(
            f"{folder} is no folder; expected a folder with CT/ and MRI/, or with one of the "
            "other layouts that find_pairs knows."
        )
    listing = Listing()
    root = os.path.realpath(folder)
    todo: list[tuple[str, tuple[str, ...]]] = [("", (root,))]
    while todo:
        place, ancestors = todo.pop()
        try:
            with os.scandir(os.path.join(folder, place)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            listing.broken.append((place, f"the folder can't be read ({error.strerror})"))
            continue
        for entry in entries:
            _sort_in(entry, place, ancestors, listing, todo)
    listing.files.sort(key=natural)
    return listing


def _sort_in(
    entry: os.DirEntry[str],
    place: str,
    ancestors: tuple[str, ...],
    listing: Listing,
    todo: list[tuple[str, tuple[str, ...]]],
) -> None:
    name = f"{place}/{entry.name}" if place else entry.name
    if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
        return
    if any(unicodedata.category(sign) in _UNREADABLE for sign in entry.name):
        listing.broken.append((ascii(name)[1:-1], "its name is no readable text"))
    elif entry.is_dir():
        linked = entry.is_symlink()
        real = os.path.realpath(entry.path) if linked else f"{ancestors[-1]}{os.sep}{entry.name}"
        if real not in ancestors and len(ancestors) < _MAX_DEPTH:
            todo.append((name, (*ancestors, real)))
    elif entry.is_file():
        listing.files.append(name)
    elif entry.is_symlink():
        listing.broken.append((name, "a link to nothing that can be read"))


def first_reasons(skipped: Skipped) -> str:
    """The first three, in brackets, for a message."""
    if not skipped:
        return ""
    shown = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
    return f" ({shown}{'; ...' if len(skipped) > 3 else ''})"
