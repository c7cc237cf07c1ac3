"""Which files of a folder are DICOM, by their names or the four letters in their heads."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ctmri_detect.datasets._files.names import ending_of, natural

_ENDINGS = (".dcm", ".dicom", ".ima")
_LOOKS = 2  # files looked into, a folder: a series has one kind of name


class DicomFiles(NamedTuple):
    """DICOM files, and the folders that hold them, in natural order."""

    files: set[str]
    folders: list[str]


def dicom_folders(folder: Path, files: list[str]) -> DicomFiles:
    """Files that end in .dcm, .dicom or .ima, or have no known ending and begin as DICOM does.

    Of those without an ending at most two of each folder are looked into; they stand for the
    others beside them.
    """
    found: set[str] = set()
    bare: dict[str, list[str]] = {}
    for path in files:
        ending = ending_of(path)
        if ending in _ENDINGS:
            found.add(path)
        elif not ending or ending[1:].isdecimal():  # IM0001, 1.2.840.113619
            bare.setdefault(path.rpartition("/")[0], []).append(path)
    for paths in bare.values():
        if any(has_magic(folder / path) for path in paths[:_LOOKS]):
            found.update(paths)
    folders = {path.rpartition("/")[0] for path in found if not path.endswith("DICOMDIR")}
    return DicomFiles(found, sorted(folders, key=natural))


def has_magic(path: Path) -> bool:
    """Whether DICM follows the preamble of 128 bytes (DICOM PS3.10, section 7.1)."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
