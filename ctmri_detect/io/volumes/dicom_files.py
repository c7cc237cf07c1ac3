"""The files of a folder that may be DICOM, and their transfer syntax."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from ctmri_detect._extras import require
from ctmri_detect.io.dicom_magic import ENDINGS, has_magic
from ctmri_detect.io.listing import Skipped, scan

_HEAD = 1024  # bytes that hold the meta group, or the beginning of it
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_SHRINKS = 1100  # zlib never compresses by a larger factor
_LARGEST = 2**28  # bytes of an unpacked file
_PIECE = 2**24


def files_below(folder: Path) -> tuple[list[Path], Skipped]:
    """All files below a folder except DICOMDIR, in natural order; and what can't be listed."""
    listing = scan(folder)
    names = (name for name in listing.files if name.rpartition("/")[2].upper() != "DICOMDIR")
    return [folder / name for name in names], listing.broken


def looks_like_dicom(path: Path) -> bool:
    """Whether a file claims to be DICOM, by its ending or its first bytes."""
    return path.suffix.lower() in ENDINGS or has_magic(path)


def why_unreadable(path: Path) -> str:
    """Why a file that claims to be DICOM can't be read; empty where it may be."""
    try:
        with path.open("rb") as file:
            head, size = file.read(_HEAD), path.stat().st_size
    except OSError as error:
        return f"unreadable: {error.strerror or type(error).__name__}"
    if not has_magic(path):
        return "not readable as DICOM (its first bytes are another format's)"
    if _DEFLATED in head and size * _SHRINKS > _LARGEST and _unpacked(path, head) > _LARGEST:
        return "not readable as DICOM (it unpacks to more than any image of a head takes)"
    return ""


def _unpacked(path: Path, head: bytes) -> int:
    """Bytes of a deflated data set, counted up to a little more than `_LARGEST`."""
    length = int.from_bytes(head[140:144], "little")  # of the meta group (PS3.10, section 7.1)
    packed, unpack, total = path.read_bytes()[144 + length :], zlib.decompressobj(-15), 0
    try:
        while packed and total <= _LARGEST:
            total += len(unpack.decompress(packed, _PIECE))
            packed = unpack.unconsumed_tail
    except zlib.error:
        return total  # pydicom reports the damage
    return total


def transfer_syntax(header: Any) -> str:
    """The transfer syntax that the file says; where it says none, the one that pydicom found.

    The latter is right only for pixels that are not compressed.
    """
    said = str(header.file_meta.get("TransferSyntaxUID") or "")
    if said:
        return said
    uid = require("pydicom.uid", extra="volumes")
    implicit, little = header.original_encoding
    if not little:
        return str(uid.ExplicitVRBigEndian)
    return str(uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian)
