"""TIFF files byte by byte (TIFF 6.0): tags, byte orders and compressions of one's choice."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773
_FORMATS = {"u": 1, "i": 2, "f": 3, "b": 1}
_SHORT, _LONG = 3, 4


def lzw(data: bytes) -> bytes:
    """LZW of literals alone: a clear code before the codes grow to ten bits."""
    codes: list[int] = []
    for start in range(0, len(data), 200):
        codes += [256, *data[start : start + 200]]
    codes.append(257)
    bits = (np.array(codes)[:, None] >> np.arange(8, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1)).tobytes()


def packbits(data: bytes) -> bytes:
    """Runs of literals."""
    pieces = [data[i : i + 128] for i in range(0, len(data), 128)]
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)


_PACK = {NONE: bytes, LZW: lzw, DEFLATE: zlib.compress, PACKBITS: packbits}


def strips_of(image: NDArray[Any], order: str, rows: int) -> list[bytes]:
    """The rows of an image as bytes, `rows` of them a strip; booleans as bits."""
    if image.dtype == bool:
        flat = np.packbits(image, axis=1)
    else:
        flat = np.ascontiguousarray(image.astype(image.dtype.newbyteorder(order)))
    return [flat[i : i + rows].tobytes() for i in range(0, len(flat), rows)]


def tiff(
    image: NDArray[Any],
    *,
    order: str = "<",
    compression: int = NONE,
    photometric: int = 1,
    rows: int = 0,
    tags: dict[int, tuple[int, list[int]]] | None = None,
    following: int = 0,
) -> bytes:
    """A file of one page ``(h, w)`` or ``(h, w, channels)``.

    `tags` are further ones, or replace what the image says: number to type (3 or 4) and values.
    `following` is the place of the next directory.
    """
    height, width = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 1
    bits = 1 if image.dtype == bool else image.dtype.itemsize * 8
    packed = [_PACK[compression](strip) for strip in strips_of(image, order, rows or height)]
    places, place = [], 8
    for strip in packed:
        places.append(place)
        place += len(strip) + len(strip) % 2
    entries: dict[int, tuple[int, list[int]]] = {
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [bits] * channels),
        259: (_SHORT, [compression]),
        262: (_SHORT, [photometric]),
        273: (_LONG, places),
        277: (_SHORT, [channels]),
        278: (_LONG, [rows or height]),
        279: (_LONG, [len(strip) for strip in packed]),
        339: (_SHORT, [_FORMATS[image.dtype.kind]] * channels),
    } | (tags or {})
    data = b"".join(strip + b"\0" * (len(strip) % 2) for strip in packed)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, place)
    return head + data + _directory(entries, place, order, following)


def _directory(
    entries: dict[int, tuple[int, list[int]]], place: int, order: str, following: int
) -> bytes:
    start = place + 2 + 12 * len(entries) + 4
    lines, far = [], b""
    for tag, (kind, values) in sorted(entries.items()):
        content = struct.pack(f"{order}{len(values)}{'H' if kind == _SHORT else 'I'}", *values)
        if len(content) > 4:
            where = struct.pack(order + "I", start + len(far))
            far += content + b"\0" * (len(content) % 2)
        else:
            where = content.ljust(4, b"\0")
        lines.append(struct.pack(order + "HHI", tag, kind, len(values)) + where)
    count = struct.pack(order + "H", len(entries))
    return count + b"".join(lines) + struct.pack(order + "I", following) + far
