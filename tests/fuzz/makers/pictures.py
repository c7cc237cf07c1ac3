"""JPEG and BMP, and files that are something else than their names say."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..case import Case, kind
from ..expect import slice_refused
from ..png_bytes import png
from ..slices import TURNS, noise, npy, odd_slice, place, smooth
from .png import luminance

LOSS = 10.0  # grey levels: JPEG at quality 90 and chroma at half the size


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """A picture as Pillow writes it."""
    file = io.BytesIO()
    image.save(file, format=form, **options)
    return file.getvalue()


@kind(2)
def jpeg(case: Case) -> None:
    image = smooth(case)
    picture = Image.fromarray(image).convert(case.choice("L", "RGB", "CMYK"))
    content = saved(
        picture,
        "JPEG",
        quality=case.whole(90, 100),
        progressive=case.chance(0.4),
        subsampling=case.whole(0, 2),
        restart_marker_blocks=case.choice(0, 0, 1, 7),
    )
    odd_slice(case, case.choice(".jpg", ".JPEG", ".jpeg"), content, image, LOSS)


@kind()
def coloured_jpeg(case: Case) -> None:
    planes = np.dstack(
        [smooth(case, (24, 30)), smooth(case, (24, 30))[::-1], smooth(case, (24, 30))]
    )
    content = saved(Image.fromarray(planes), "JPEG", quality=95, subsampling=0)
    odd_slice(case, ".jpg", content, luminance(planes), LOSS)


@kind(2)
def turned_jpeg(case: Case) -> None:
    image, tag = smooth(case), case.whole(1, 8)
    exif = Image.Exif()
    exif[0x0112] = tag
    picture = Image.fromarray(image).convert(case.choice("L", "RGB"))
    content = saved(picture, "JPEG", quality=95, exif=exif)
    odd_slice(case, ".jpg", content, TURNS[tag](image), LOSS)


@kind()
def jpeg_orientation_of_no_meaning(case: Case) -> None:
    image = smooth(case)
    exif = Image.Exif()
    exif[0x0112] = case.choice(0, 9, 255, 65535)
    content = saved(Image.fromarray(image), "JPEG", quality=95, exif=exif)
    odd_slice(case, ".jpg", content, image, LOSS)


@kind()
def jpeg_header_lies(case: Case) -> None:
    """The size in the frame header: the bits for it are not there."""
    image = smooth(case)
    content = bytearray(saved(Image.fromarray(image), "JPEG", quality=95))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", *case.choice((65500, 65500), (0, 9), (5000, 5000)))
    name = place(case, ".jpg", image.shape)
    case.write(name, bytes(content))
    case.expect(slice_refused(name))


@kind(2)
def bmp(case: Case) -> None:
    mode = case.choice("1", "L", "RGB", "P")
    if mode == "1":
        image = noise(case, bool)
        odd_slice(case, ".bmp", saved(Image.fromarray(image), "BMP"), image * np.uint8(255))
        return
    image = noise(case)
    odd_slice(case, ".bmp", saved(Image.fromarray(image).convert(mode), "BMP"), image)


def bmp_of(
    width: int, height: int, bits: int, data: bytes, colours: bytes = b"", packing: int = 0
) -> bytes:
    """A BMP with the header of Windows 3."""
    start = 54 + len(colours)
    head = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start)
    info = (40, width, height, 1, bits, packing, len(data), 0, 0, len(colours) // 4, 0)
    return head + struct.pack("<IiiHHIIiiII", *info) + colours + data


def _rows(image: NDArray[Any]) -> bytes:
    rows = [row.tobytes() for row in image]
    return b"".join(row + b"\0" * (-len(row) % 4) for row in rows)


@kind(2)
def bmp_by_hand(case: Case) -> None:
    image = noise(case)
    height, width = image.shape
    greys = np.repeat(np.arange(256, dtype=np.uint8), 4).tobytes()
    form = case.choice("upright", "top down", "runs", "15 bits", "32 bits")
    if form == "upright":
        content = bmp_of(width, height, 8, _rows(image[::-1]), greys)
    elif form == "top down":
        content = bmp_of(width, -height, 8, _rows(image), greys)
    elif form == "runs":
        rows = [b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in image[::-1]]
        content = bmp_of(width, height, 8, b"".join(rows) + b"\0\1", greys, 1)
    elif form == "15 bits":
        levels = image >> 3
        image = (levels.astype(np.uint16) * 255 // 31).astype(np.uint8)
        packed = levels.astype("<u2") * (1 + 32 + 1024)
        odd_slice(case, ".bmp", bmp_of(width, height, 16, _rows(packed[::-1])), image, 1)
        return
    else:
        planes = np.dstack([image] * 3 + [np.full_like(image, 255)])
        content = bmp_of(width, height, 32, _rows(planes[::-1].reshape(height, -1)))
    odd_slice(case, ".bmp", content, image)


@kind()
def bmp_header_lies(case: Case) -> None:
    image = noise(case)
    height, width = image.shape
    sides = case.choice((2**31 - 1, 2**31 - 1), (-width, height), (0, 0), (width, -(2**31)),
                        (width, height + 40), (60000, 60000))  # fmt: skip
    name = place(case, ".bmp", image.shape)
    case.write(name, bmp_of(*sides, case.choice(8, 24), _rows(image[::-1])))
    case.expect(slice_refused(name))


@kind(2)
def another_type_than_its_name_says(case: Case) -> None:
    """The first bytes say what it is."""
    image = noise(case)
    ending, content = case.choice(
        (".jpg", png(image, 8)),
        (".tif", png(image, 8)),
        (".npy", saved(Image.fromarray(image), "BMP")),
        (".png", npy(image)),
        (".bmp", saved(Image.fromarray(image), "TIFF")),
        (".PNG", saved(Image.fromarray(image), "TIFF")),
    )
    odd_slice(case, ending, content, image)


@kind(2)
def no_image(case: Case) -> None:
    picture = Image.fromarray(noise(case))
    content = case.choice(
        b"", b"\0", b"\0" * 5000, b"hello", b"<html>404</html>", b"%PDF-1.7\n", b"PK\x03\x04" * 9,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 12345\n",
        saved(picture, "GIF"), saved(picture, "WEBP"), saved(picture, "PPM"), saved(picture, "TGA"),
        saved(picture, "ICO"), saved(picture, "JPEG2000"), b"\x89PNG", b"\x89PNG\r\n\x1a\n", b"BM",
        b"\xff\xd8\xff", b"II*\0", b"MM\0*\0\0\0\0", b"\x93NUMPY", b"\x93NUMPY\x01\0\xff\xff",
        case.rng.bytes(200), b"\x1f\x8b\x08", b"DICM" * 50,
    )  # fmt: skip
    ending = case.choice(".png", ".jpg", ".tif", ".bmp", ".npy", ".TIFF")
    name = place(case, ending, (8, 8))
    case.write(name, content)
    case.expect(slice_refused(name))
