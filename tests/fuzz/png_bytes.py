"""PNG files byte by byte (PNG, third edition): depths, interlacing and chunks of one's choice."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_ADAM7 = (*_PASSES, (0, 1, 1, 2))  # first column and row, steps along columns and rows


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk with its length and checksum."""
    end = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + end


def header(width: int, height: int, depth: int, colour: int, interlaced: bool = False) -> bytes:
    """The chunk IHDR."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(
    image: NDArray[Any],
    depth: int,
    colour: int = GREY,
    *,
    interlaced: bool = False,
    before: Iterable[bytes] = (),
    after: Iterable[bytes] = (),
    piece: int = 0,
) -> bytes:
    """A whole file of an image ``(h, w)`` or ``(h, w, channels)``.

    `before` and `after` are chunks around the pixels, which come in chunks of `piece` bytes.
    """
    height, width = image.shape[:2]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    raw = b"".join(_rows(image[y::dy, x::dx], depth) for x, y, dx, dy in passes)
    packed = zlib.compress(raw)
    step = piece or len(packed)
    data = [chunk(b"IDAT", packed[i : i + step]) for i in range(0, len(packed), step)]
    head = header(width, height, depth, colour, interlaced)
    return b"".join([SIGNATURE, head, *before, *data, *after, chunk(b"IEND", b"")])


def _rows(image: NDArray[Any], depth: int) -> bytes:
    if not image.size:
        return b""
    flat = image.reshape(image.shape[0], -1)
    if depth == 16:
        rows = np.ascontiguousarray(flat, dtype=">u2").view(np.uint8)
    elif depth == 8:
        rows = np.ascontiguousarray(flat, dtype=np.uint8)
    else:
        bits = (flat[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(len(flat), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)
