"""Which files of a folder are DICOM, by their names or their first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from ctmri_detect.io.names import ending_of, natural

ENDINGS = (".dcm", ".dicom", ".ima")
"""Endings of the names of DICOM files."""

_LOOKS = 2  # files without an ending that are opened in each folder


class DicomFiles(NamedTuple):
    """DICOM files, and the folders that hold them, in natural order."""

    files: set[str]
    folders: list[str]


def dicom_folders(folder: Path, files: list[str]) -> DicomFiles:
    """Files that end in .dcm, .dicom or .ima, or have no ending and begin as DICOM does.

    Of the files without an ending, at most two of each folder are opened. If one is DICOM, all
    files without an ending in that folder are taken for DICOM.
    """
    found: set[str] = set()
    bare: dict[str, list[str]] = {}
    for path in files:
        ending = ending_of(path)
        if ending in ENDINGS:
            found.add(path)
        elif not ending or ending[1:].isdecimal():  # IM0001, 1.2.840.113619
            bare.setdefault(path.rpartition("/")[0], []).append(path)
    for paths in bare.values():
        if any(has_magic(folder / path) for path in paths[:_LOOKS]):
            found.update(paths)
    folders = {path.rpartition("/")[0] for path in found if not path.endswith("DICOMDIR")}
    return DicomFiles(found, sorted(folders, key=natural))


_HEAD = 140  # bytes: the preamble, the four letters, and the length of a first element
_FIRST = {  # groups and elements with which a data set without a preamble begins
    2: {0x00, 0x01, 0x02},
    8: {0x00, 0x01, 0x05, 0x06, 0x08, 0x12, 0x13, 0x14, 0x16, 0x18, 0x20},
}
_VRS = {b"UL", b"UI", b"CS", b"DA", b"TM", b"OB", b"SQ"}  # types of these elements


def has_magic(path: Path) -> bool:
    """Whether a file's first bytes are those of DICOM.

    Either DICM follows a preamble of 128 bytes (DICOM PS3.10, section 7.1). Or, in older exports,
    the data set begins at once, with an element of group 0002 or 0008, in either byte order.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head[128:132] == b"DICM" or _begins_at_once(head)


def _begins_at_once(head: bytes) -> bool:
    if len(head) < _HEAD:
        return False
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group, element = (int.from_bytes(head[i : i + 2], order) for i in (0, 2))
        if element in _FIRST.get(group, ()):
            # next comes the type of the first value (explicit data set), or a small length
            # (implicit data set, which is never big endian)
            implicit = order == "little" and int.from_bytes(head[4:8], "little") <= 128
            return implicit or head[4:6] in _VRS
    return False
