"""Good files of every kind of slice, damaged: bits flipped, cut off, filled with zeros, mixed."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from ..case import Case, kind
from ..expect import slice_refused, slice_right_or_refused
from ..png_bytes import COLOUR, png
from ..slices import noise, npy, place, smooth
from ..tiff_bytes import DEFLATE, LZW, NONE, PACKBITS, tiff
from .pictures import saved
from .tiff import written

_EXTREMES = (0, 1, 2, 127, 128, 255, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1)


def flip(case: Case, content: bytes) -> bytes:
    """A few bits."""
    data = bytearray(content)
    for _ in range(case.choice(1, 1, 2, 8)):
        data[case.whole(0, len(data) - 1)] ^= 1 << case.whole(0, 7)
    return bytes(data)


def cut(case: Case, content: bytes) -> bytes:
    """The end is missing."""
    return content[: case.whole(0, len(content) - 1)]


def blank(case: Case, content: bytes) -> bytes:
    """From somewhere on all is zero: a download that stopped."""
    kept = case.whole(0, len(content) - 1)
    return content[:kept].ljust(len(content), b"\0")


def number(case: Case, content: bytes) -> bytes:
    """A number in the head becomes an extreme one."""
    data = bytearray(content)
    at = case.whole(0, min(len(data), 200) - 1)
    value, form = case.choice(*_EXTREMES), case.choice("<I", ">I", "<H", ">H", "<B")
    packed = struct.pack(form, value & (256 ** struct.calcsize(form) - 1))
    data[at : at + len(packed)] = packed
    return bytes(data)


def remove(case: Case, content: bytes) -> bytes:
    """A piece is missing inside."""
    at = case.whole(0, len(content) - 1)
    return content[:at] + content[at + case.whole(1, 40) :]


def insert(case: Case, content: bytes) -> bytes:
    """A piece too many: line ends that a transfer translated, or noise."""
    if case.chance(0.3):
        return content.replace(b"\n", b"\r\n")
    at = case.whole(0, len(content) - 1)
    return content[:at] + case.rng.bytes(case.whole(1, 40)) + content[at:]


def scramble(case: Case, content: bytes) -> bytes:
    """A stretch of noise."""
    at = case.whole(0, len(content) - 1)
    noisy = case.rng.bytes(min(len(content) - at, case.whole(1, 60)))
    return content[:at] + noisy + content[at + len(noisy) :]


def swap(case: Case, content: bytes) -> bytes:
    """Two halves exchanged."""
    middle = case.whole(1, len(content) - 1)
    return content[middle:] + content[:middle]


def append(case: Case, content: bytes) -> bytes:
    """More after the end: noise, or the file again."""
    return content + case.choice(content, case.rng.bytes(30), b"\0" * 600, b"\n")


DAMAGES: tuple[Callable[[Case, bytes], bytes], ...] = (
    flip, flip, cut, blank, number, number, remove, insert, scramble, swap, append
)  # fmt: skip

Content = tuple[str, bytes, np.ndarray]


def good(case: Case) -> Content:
    """Ending, bytes and values of a good file."""
    image = noise(case, case.choice("u1", "u2"), (case.whole(5, 30), case.whole(5, 30)))
    deep = image.dtype.itemsize * 8
    return case.choice(
        lambda: (".png", png(image, deep, interlaced=case.chance(0.3)), image),
        lambda: (".png", png(np.dstack([image] * 3), deep, COLOUR), image),
        lambda: (".jpg", saved(Image.fromarray(smooth(case, image.shape)), "JPEG"), image),
        lambda: (".bmp", saved(Image.fromarray(image.astype("u1")), "BMP"), image),
        lambda: (".tif", tiff(image, compression=case.choice(NONE, LZW, DEFLATE, PACKBITS)), image),
        lambda: (".tif", written(image, compression="zlib", predictor=True), image),
        lambda: (".npy", npy(image), image),
    )()


@kind(12)
def any_slice(case: Case) -> None:
    """No error gets out, whatever the damage; values are known of none of them but PNG."""
    ending, content, image = good(case)
    hurt = case.choice(*DAMAGES)(case, content)
    if case.chance(0.3):
        hurt = case.choice(*DAMAGES)(case, hurt or b"\0")
    name = place(case, ending, image.shape)
    case.write(name, hurt)


@kind(4)
def png_has_checksums(case: Case) -> None:
    """A damaged PNG is found out, or shows its own values."""
    image = noise(case, case.choice("u1", "u2"), (case.whole(5, 30), case.whole(5, 30)))
    content = png(image, image.dtype.itemsize * 8, interlaced=case.chance(0.3))
    name = place(case, ".png", image.shape)
    case.write(name, case.choice(flip, blank, scramble, remove)(case, content))
    case.expect(slice_right_or_refused(name, image))


@kind(4)
def cut_off(case: Case) -> None:
    """Files that end before their last pixel."""
    ending, content, image = good(case)
    last = 40 if ending == ".jpg" else 24 if ending == ".png" else 4  # checksums, end markers
    if ending == ".tif":
        name = place(case, ending, image.shape)
        case.write(name, cut(case, content))
        case.expect(slice_right_or_refused(name, image))  # tags may stand at the end
        return
    name = place(case, ending, image.shape)
    case.write(name, content[: case.whole(0, len(content) - last - 1)])
    case.expect(slice_refused(name))


@kind(2)
def more_after_the_end(case: Case) -> None:
    """Bytes after the end don't count."""
    ending, content, image = good(case)
    name = place(case, ending, image.shape)
    case.write(name, append(case, content))
    if ending != ".jpg":
        right = image.astype("u1") if ending == ".bmp" else image
        case.expect(slice_right_or_refused(name, right))
