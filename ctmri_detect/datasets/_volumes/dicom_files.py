"""The files of a folder that may be DICOM, and how their values are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ctmri_detect._extras import require
from ctmri_detect.datasets._files.dicom_magic import ENDINGS, has_magic


def files_below(folder: Path) -> Iterator[Path]:
    """All files below, in one order on every machine; links to folders are not followed."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent) / name
            if not name.startswith(".") and name.upper() != "DICOMDIR" and path.is_file():
                yield path


def looks_like_dicom(path: Path) -> bool:
    """Whether a file claims to be DICOM, by its ending or its first bytes."""
    return path.suffix.lower() in ENDINGS or has_magic(path)


def transfer_syntax(header: Any) -> str:
    """How values are written: as the file says, or as pydicom found where it doesn't say.

    That is right for pixels that are not compressed.
    """
    said = str(header.file_meta.get("TransferSyntaxUID") or "")
    if said:
        return said
    uid = require("pydicom.uid", extra="volumes")
    implicit, little = header.original_encoding
    if not little:
        return str(uid.ExplicitVRBigEndian)
    return str(uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian)
