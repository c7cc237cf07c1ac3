"""Whether a PNG holds all its pixels; Pillow would show missing ones as black."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from ctmri_detect.exceptions import DataLoadingError

_MORE = 2**16  # bytes after the last row that are allowed; they mean nothing
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type (PNG, section 11.2.1)
_ADAM7 = (  # first column and row, and steps, of the seven passes of an interlaced image
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def check_png(path: Path) -> None:
    """Refuse a PNG whose data end before its last row.

    Raises
    ------
    DataLoadingError
        If they do, or if their checksum is wrong.
    """
    content = path.read_bytes()
    needed, unpack = _needed(content), zlib.decompressobj()
    room = needed + _MORE
    try:
        for piece in _data(content):
            room -= len(unpack.decompress(piece, max(room, 1)))
    except zlib.error:
        raise DataLoadingError("unreadable: its pixels are damaged") from None
    if room > _MORE:
        raise DataLoadingError("unreadable: cut off, its header promises more than the file holds")
    if not unpack.eof:  # the checksum is at the end
        raise DataLoadingError("unreadable: cut off, or more pixels than its header says")


def _data(content: bytes) -> Iterator[bytes]:
    """The contents of the IDAT chunks."""
    at = 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] == b"IDAT":
            yield content[at + 8 : at + 8 + length]
        at += 12 + length


def _needed(content: bytes) -> int:
    """Bytes of the unpacked pixels, with one more for the filter of each row."""
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    bits = content[24] * _CHANNELS.get(content[25], 1)
    passes = _ADAM7 if content[28] else ((0, 0, 1, 1),)
    total = 0
    for x, y, dx, dy in passes:
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total
