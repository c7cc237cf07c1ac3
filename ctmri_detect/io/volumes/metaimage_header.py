"""The header of a MetaImage file, checked before ITK reads it.

ITK reads a damaged number as 0, and ends the process at a damaged number of axes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from ctmri_detect.exceptions import DataLoadingError

_LONGEST = 65536  # bytes: a header is text of some twenty lines
_AXES = (3, 4)
_PLACES = ("Offset", "Position", "Origin", "ElementSpacing", "ElementSize", "CenterOfRotation")
_MATRICES = ("TransformMatrix", "Rotation", "Orientation")


class Header(NamedTuple):
    """What a header says about its voxels.

    Attributes
    ----------
    voxels : Path
        The file that holds them.
    start : int
        The byte at which they begin.
    packed : bool
        Whether they are compressed.
    order : {"<", ">"}
        The byte order of numbers.
    """

    voxels: Path
    start: int
    packed: bool
    order: str


def read_header(path: Path) -> Header:
    """The header of a MetaImage file. It may name only one file beside it, for safety.

    Raises
    ------
    DataLoadingError
        If it is damaged, or names anything but one file beside it. The message is a short reason.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LONGEST)
    except OSError as error:
        raise DataLoadingError(f"unreadable: {error.strerror or type(error).__name__}") from None
    fields, end = _fields(head)
    data = fields.get("ElementDataFile", "")
    if not data:
        raise DataLoadingError("not a MetaImage file: its header names no ElementDataFile")
    _check_numbers(fields)
    packed = _is_true(fields, "CompressedData")
    order = ">" if _is_true(fields, "BinaryDataByteOrderMSB", "ElementByteOrderMSB") else "<"
    if data.upper() == "LOCAL":
        return Header(path, end, packed, order)
    beside = path.with_name(Path(data).name)
    if beside.name != data or data.upper() == "LIST" or beside == path or not beside.is_file():
        raise DataLoadingError(
            "its ElementDataFile is missing, or not one file beside the header; write it as .mha"
        )
    return Header(beside, max(0, int(float(fields.get("HeaderSize", "0")))), packed, order)


def _fields(head: bytes) -> tuple[dict[str, str], int]:
    """The lines ``name = value`` up to the one that says where the voxels are, and their end."""
    fields: dict[str, str] = {}
    end = 0
    for line in head.split(b"\n"):
        end += len(line) + 1
        name, _, value = line.partition(b"=")
        fields[name.strip().decode("ascii", "replace")] = value.strip().decode("utf-8", "replace")
        if name.strip() == b"ElementDataFile":
            break
    return fields, end


def _is_true(fields: dict[str, str], *names: str) -> bool:
    return any(fields.get(name, "")[:1].lower() in ("t", "1") for name in names)


def _check_numbers(fields: dict[str, str]) -> None:
    """Refuse sizes and places that are no numbers, or too few or too many numbers."""
    axes = next((n for n in _AXES if fields.get("NDims", "") == str(n)), None)
    if axes is None:
        raise DataLoadingError(
            f"has NDims = {fields.get('NDims', '')[:20]!r}; expected a volume of three axes"
        )
    counts = {name: axes for name in _PLACES if name in fields}
    counts |= {name: axes**2 for name in _MATRICES if name in fields}
    for name, count in {"DimSize": axes, **counts}.items():
        numbers = [_number(word) for word in fields.get(name, "").split()]
        if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
            raise DataLoadingError(f"its header is damaged: {name} holds no {count} numbers")
    skipped = _number(fields.get("HeaderSize", "0"))
    if not -1 <= skipped < _LONGEST:
        raise DataLoadingError("its header is damaged: HeaderSize leads behind the file")


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
