"""PNG: all depths, colours, interlacing, chunks around the pixels, and bombs."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..case import Case, kind
from ..expect import slice_refused, slice_right_or_refused
from ..png_bytes import (
    COLOUR,
    COLOUR_ALPHA,
    GREY,
    GREY_ALPHA,
    PALETTE,
    SIGNATURE,
    chunk,
    header,
    png,
)
from ..slices import TURNS, noise, odd_slice, place


def luminance(colour: NDArray[Any]) -> NDArray[np.float64]:
    """ITU-R BT.601, which JPEG, Pillow and OpenCV use for grey."""
    return colour[..., :3].astype(float) @ np.array([0.299, 0.587, 0.114])


@kind(4)
def grey_of_all_depths(case: Case) -> None:
    depth = case.choice(1, 2, 4, 8, 16)
    image = noise(case, np.uint16 if depth == 16 else np.uint8) >> (0 if depth >= 8 else 8 - depth)
    content = png(
        image, depth, interlaced=case.chance(0.4), piece=case.choice(0, 0, 1, 7), before=_odd(case)
    )
    odd_slice(case, ".png", content, image * (1 if depth >= 8 else 255 // (2**depth - 1)))


def _odd(case: Case) -> list[bytes]:
    """Chunks that say nothing of the values."""
    several = {
        b"tEXt": b"Comment\0" + b"x" * case.whole(0, 500),
        b"pHYs": struct.pack(">IIB", 0, 2**31 - 1, 1),
        b"gAMA": struct.pack(">I", case.choice(0, 45455, 2**31)),
        b"tIME": struct.pack(">HBBBBB", 0, 99, 99, 99, 99, 99),
        b"prVt": case.rng.bytes(20),
        b"zTXt": b"a\0\0" + zlib.compress(b"text"),
    }
    names = [name for name in several if case.chance(0.2)]
    return [chunk(name, several[name]) for name in names]


@kind(2)
def grey_as_colour(case: Case) -> None:
    depth = case.choice(8, 16)
    image = noise(case, np.uint16 if depth == 16 else np.uint8)
    colour = case.choice(COLOUR, COLOUR_ALPHA, GREY_ALPHA)
    planes = [image] * (1 if colour == GREY_ALPHA else 3)
    if colour != COLOUR:
        planes.append(noise(case, image.dtype, image.shape))
    content = png(np.dstack(planes), depth, colour, interlaced=case.chance(0.3))
    odd_slice(case, ".png", content, image)


@kind()
def real_colour(case: Case) -> None:
    image = noise(case, np.uint8, (case.whole(3, 20), case.whole(3, 20), case.choice(3, 4)))
    content = png(image, 8, COLOUR if image.shape[2] == 3 else COLOUR_ALPHA)
    odd_slice(case, ".png", content, luminance(image), 1.0)


@kind()
def palette(case: Case) -> None:
    depth = case.choice(1, 2, 4, 8)
    grey = case.rng.permutation(256)[: 2**depth].astype(np.uint8)
    image = case.rng.integers(0, 2**depth, (case.whole(3, 20), case.whole(3, 20)))
    image.flat[:2] = (0, 1)
    before = [chunk(b"PLTE", np.repeat(grey, 3).tobytes())]
    if case.chance(0.5):  # opaqueness of each colour
        before.append(chunk(b"tRNS", case.rng.bytes(case.whole(1, 2**depth))))
    odd_slice(case, ".png", png(image, depth, PALETTE, before=before), grey[image])


@kind()
def transparent_grey(case: Case) -> None:
    depth = case.choice(8, 16)
    image = noise(case, np.uint16 if depth == 16 else np.uint8)
    before = [chunk(b"tRNS", struct.pack(">H", int(image[0, 0])))]
    odd_slice(case, ".png", png(image, depth, before=before), image)


@kind(2)
def orientation(case: Case) -> None:
    tag = case.whole(1, 8)
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HHI", tag, 0, 0)
    depth = case.choice(1, 8, 16)
    image = noise(case, np.uint16 if depth == 16 else np.uint8) // (128 if depth == 1 else 1)
    where = case.choice("before", "after")
    content = png(image, depth, **{where: [chunk(b"eXIf", exif)]})
    odd_slice(case, ".png", content, TURNS[tag](image * (255 if depth == 1 else 1)))


@kind()
def damaged_chunks(case: Case) -> None:
    """Chunks around the pixels that make no sense: the values are right, or it is refused."""
    image = noise(case)
    bomb = zlib.compress(b"\0" * case.choice(2**16, 2**26))
    before = case.choice(
        chunk(b"iCCP", b"profile\0\0" + case.rng.bytes(30)),
        chunk(b"zTXt", b"Comment\0\0" + bomb),
        chunk(b"iTXt", b"Comment\0\x01\0\0\0" + bomb),
        chunk(b"eXIf", case.rng.bytes(case.whole(0, 40))),
        chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + case.rng.bytes(12)),
        chunk(b"cHRM", b"\0"),
        chunk(b"PLTE", b"\0" * 768),
        chunk(b"acTL", struct.pack(">II", 1, 0)),
    )
    name = place(case, ".png", image.shape)
    case.write(name, png(image, 8, before=[before]))
    case.expect(slice_right_or_refused(name, image))


@kind()
def header_lies(case: Case) -> None:
    image = noise(case)
    whole = png(image, 8)
    sides = case.choice(
        (0, 5), (5, 0), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (50000, 50000), (4096, 2**20),
        (image.shape[1], image.shape[0] + 5), (image.shape[1] + 1, image.shape[0]), (65536, 65536),
    )  # fmt: skip
    name = place(case, ".png", image.shape)
    case.write(name, SIGNATURE + header(*sides, 8, GREY) + whole[33:])
    case.expect(slice_refused(name))


@kind()
def impossible_header(case: Case) -> None:
    image = noise(case)
    depth, colour = case.choice((3, 0), (0, 0), (16, 3), (4, 2), (8, 1), (8, 5), (32, 0), (255, 9))
    name = place(case, ".png", image.shape)
    head = header(image.shape[1], image.shape[0], depth, colour)
    case.write(name, SIGNATURE + head + png(image, 8)[33:])
    case.expect(slice_refused(name))


@kind()
def bomb(case: Case) -> None:
    """Few bytes that unpack to many: a constant image, or more pixels than the header says."""
    side = case.choice(1000, 1000, 4096, 4097, 30000)
    rows = b"\0" * (side + 1)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(rows) for _ in range(min(side, 4096))) + packer.flush()
    small = case.chance(0.3)
    name = place(case, ".png", (8, 8))
    head = header(8, 8, 8, GREY) if small else header(side, side, 8, GREY)
    end = chunk(b"IEND", b"")
    case.write(name, SIGNATURE + head + chunk(b"IDAT", data) + end)
    case.expect(slice_refused(name))  # constant, too large, or cut off


@kind()
def several_frames(case: Case) -> None:
    images = [Image.fromarray(noise(case, np.uint8, (9, 7))) for _ in range(case.whole(2, 4))]
    file = io.BytesIO()
    images[0].save(file, format="PNG", save_all=True, append_images=images[1:])
    name = place(case, ".png", (9, 7))
    case.write(name, file.getvalue())
    case.expect(slice_refused(name, "frames"))
