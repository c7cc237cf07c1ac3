"""Which files a folder holds, and which of them belong together."""

from __future__ import annotations

import re
from pathlib import Path

from ctmri_detect.datasets._images import SUFFIXES
from ctmri_detect.exceptions import DataLoadingError

Skipped = list[tuple[str, str]]

EXPECTED = (
    "expected a folder with CT/ and MRI/, which hold slices (PNG, JPEG, TIFF, .npy) under equal "
    "names, such as CT/a_001.png and MRI/a_001.png"
)


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key under which a2 comes before a10."""
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"(\d+)", name.lower())]


def list_plane(folder: Path, plane: str, skipped: Skipped) -> dict[str, Path]:
    """Stem to file of the one of the two folders that is named `plane`.

    Raises
    ------
    DataLoadingError
        Where there is none, or more than one.
    """
    if not folder.is_dir():
        raise DataLoadingError(f"{folder} is no folder; {EXPECTED}.")
    found = [p for p in folder.iterdir() if p.is_dir() and p.name.lower() == plane.lower()]
    if len(found) != 1:
        names = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise DataLoadingError(
            f"{folder} holds {len(found)} folders named {plane} (it has {names}); {EXPECTED}."
        )
    files: dict[str, Path] = {}
    for path in sorted(found[0].iterdir(), key=lambda p: _natural(p.name)):
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.suffix.lower() not in SUFFIXES:
            skipped.append((file_name(path), f"not an image type ({', '.join(SUFFIXES)})"))
        elif path.stem in files:
            skipped.append((file_name(path), f"same name as {files[path.stem].name}"))
        else:
            files[path.stem] = path
    return files


def match_stems(
    ct: dict[str, Path], mri: dict[str, Path], skipped: Skipped
) -> dict[str, tuple[Path, Path]]:
    """The pairs of files with equal stems; the others go into `skipped`."""
    for files, other, plane in ((ct, mri, "MRI"), (mri, ct, "CT")):
        skipped += [
            (file_name(p), f"no {plane} of this name") for s, p in files.items() if s not in other
        ]
    return {stem: (path, mri[stem]) for stem, path in ct.items() if stem in mri}


def file_name(path: Path) -> str:
    """Folder and file, as `skipped` names it."""
    return f"{path.parent.name}/{path.name}"
