"""TIFF: types, byte orders, compressions, what 0 means, orientation, pages, tags that lie."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from ..case import Case, kind
from ..expect import slice_refused, slice_right_or_refused
from ..slices import TURNS, noise, odd_slice, place, smooth
from ..tiff_bytes import DEFLATE, LZW, NONE, PACKBITS, tiff
from .pictures import LOSS, saved
from .png import luminance

_TYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8", "?")
_COMPRESSIONS = (NONE, LZW, DEFLATE, PACKBITS)
_ENDINGS = (".tif", ".tiff", ".TIF")


def rounding(image: Any) -> float:
    """What float32 loses of large whole numbers and of doubles."""
    return float(np.abs(image.astype(float)).max()) * 1e-7


def written(image: Any, **options: Any) -> bytes:
    """A file as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


def shown(image: Any) -> Any:
    """As `load_pairs` should give it: one bit is 0 and 255."""
    return image * np.uint8(255) if image.dtype == bool else image


def lay(case: Case, content: bytes, image: Any, compression: int) -> None:
    """The odd slice; a type that no decoder here knows under LZW is refused, with the cure."""
    if compression == LZW and image.dtype.str[1:] == "f2":
        name = place(case, ".tif", image.shape)
        case.write(name, content)
        case.expect(slice_right_or_refused(name, shown(image), rounding(image), "imagecodecs"))
    else:
        odd_slice(case, case.choice(*_ENDINGS), content, shown(image), rounding(image))


@kind(4)
def by_hand(case: Case) -> None:
    image = noise(case, case.choice(*_TYPES))
    compression = case.choice(*_COMPRESSIONS)
    content = tiff(
        image,
        order=case.choice("<", ">"),
        compression=compression,
        rows=case.choice(0, 0, 1, 2),
    )
    lay(case, content, image, compression)


@kind(3)
def by_tifffile(case: Case) -> None:
    image = noise(case, case.choice(*_TYPES, "u8", "i8"))
    white = image.dtype.kind in "bu" and case.chance(0.3)
    packed = case.chance(0.5)
    options: dict[str, Any] = {
        "byteorder": case.choice("<", ">"),
        "bigtiff": case.chance(0.3),
        "compression": "zlib" if packed else None,
        "metadata": case.choice(None, {}),
        "photometric": "miniswhite" if white else "minisblack",
    }
    if case.chance(0.3) and image.dtype != bool:
        options["tile"] = (16, 16)
    if packed and image.dtype.kind in "ui" and image.itemsize < 8 and case.chance(0.5):
        options["predictor"] = True
    right = ~image if white else image
    odd_slice(case, ".tif", written(image, **options), shown(right), rounding(right))


@kind(2)
def by_pillow(case: Case) -> None:
    mode = case.choice("1", "L", "I;16", "I", "F", "P", "RGB", "LA", "RGBA")
    compression = case.choice(None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_deflate")
    types = {"1": bool, "I;16": "u2", "I": "i4", "F": "f4"}
    image = noise(case, types.get(mode, np.uint8))
    picture = Image.fromarray(image)
    if mode in ("P", "RGB", "LA", "RGBA"):
        picture = picture.convert(mode)
    content = saved(picture, "TIFF", compression=compression)
    odd_slice(case, ".tif", content, shown(image), rounding(image))


@kind()
def jpeg_inside(case: Case) -> None:
    image = smooth(case)
    picture = Image.fromarray(image).convert(case.choice("L", "RGB"))
    odd_slice(case, ".tif", saved(picture, "TIFF", compression="jpeg", quality=95), image, LOSS)


@kind(3)
def white_is_zero(case: Case) -> None:
    image = noise(case, case.choice("?", "u1", "u2", "u4"))
    compression = case.choice(*_COMPRESSIONS)
    content = tiff(
        image,
        order=case.choice("<", ">"),
        compression=compression,
        photometric=0,
        rows=case.choice(0, 3),
    )
    lay(case, content, ~image, compression)


@kind(3)
def orientation(case: Case) -> None:
    image, tag = noise(case, case.choice("?", "u1", "u2", "f4")), case.whole(1, 8)
    white = image.dtype.kind != "f" and case.chance(0.3)
    content = tiff(
        image,
        order=case.choice("<", ">"),
        compression=case.choice(*_COMPRESSIONS),
        photometric=0 if white else 1,
        tags={274: (3, [tag])},
    )
    odd_slice(case, ".tif", content, shown(TURNS[tag](~image if white else image)))


@kind(2)
def colour(case: Case) -> None:
    kinds = case.choice("u1", "u2")
    image = noise(case, kinds, (case.whole(3, 20), case.whole(3, 20), 3))
    if case.chance(0.5):
        image[..., 1:] = image[..., :1]  # grey that was stored as colour
    top = 1.0 if kinds == "u1" else 257.0
    tag = case.choice(1, 1, 3, 6)
    content = tiff(
        image, order=case.choice("<", ">"), photometric=2, tags={274: (3, [tag])},
        compression=case.choice(*_COMPRESSIONS),
    )  # fmt: skip
    odd_slice(case, ".tif", content, TURNS[tag](luminance(image)), top)


@kind()
def planes_apart(case: Case) -> None:
    image = noise(case, case.choice("u1", "u2"))
    content = written(
        np.stack([image] * 3), photometric="rgb", planarconfig="separate",
        byteorder=case.choice("<", ">"), compression=case.choice(None, "zlib"),
    )  # fmt: skip
    odd_slice(case, ".tif", content, image)


@kind()
def not_numbers_inside(case: Case) -> None:
    image = noise(case, "f4")
    image.flat[case.whole(0, image.size - 1)] = np.nan
    odd_slice(case, ".tif", tiff(image, order=case.choice("<", ">")), image)


@kind(2)
def several_images(case: Case) -> None:
    stack = noise(case, case.choice("u1", "u2"), (case.whole(2, 5), 7, 9))
    n = len(stack)
    one = {270: (3, [0])}
    form = case.choice("pages", "imagej", "single page of imagej", "depth", "shaped", "ome")
    if form == "pages":
        content = written(stack, photometric="minisblack", metadata=None)
    elif form == "imagej":
        content = written(stack, imagej=True, byteorder=">")
    elif form == "single page of imagej":
        content = _imagej(stack)
    elif form == "depth":
        one = {32997: (4, [n]), 257: (4, [stack.shape[1]])}
        content = tiff(stack.reshape(-1, 9), tags=one)
    elif form == "shaped":
        content = written(stack, photometric="minisblack", volumetric=False)
    else:
        content = written(stack, photometric="minisblack", ome=True, metadata={"axes": "ZYX"})
    name = place(case, ".tif", (7, 9))
    case.write(name, content)
    case.expect(slice_refused(name))


def _imagej(stack: Any) -> bytes:
    """One page; the other images follow its pixels (ImageJ, for stacks beyond 4 GB)."""
    text = f"ImageJ=1.53t\nimages={len(stack)}\nslices={len(stack)}\nloop=false\n".encode() + b"\0"
    page = stack[0]
    entries = {
        256: (4, page.shape[1]), 257: (4, page.shape[0]), 258: (3, page.itemsize * 8), 259: (3, 1),
        262: (3, 1), 277: (3, 1), 278: (4, page.shape[0]), 279: (4, page.nbytes),
    }  # fmt: skip
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    lines = {tag: struct.pack(">HHII", tag, 4, 1, value) for tag, (_, value) in entries.items()}
    lines[270] = struct.pack(">HHII", 270, 2, len(text), start)
    lines[273] = struct.pack(">HHII", 273, 4, 1, start + len(text))
    head = b"MM" + struct.pack(">HIH", 42, 8, len(lines))
    body = b"".join(lines[tag] for tag in sorted(lines)) + b"\0" * 4
    return head + body + text + stack.astype(stack.dtype.newbyteorder(">")).tobytes()


@kind()
def small_copy_beside(case: Case) -> None:
    """A page at full size and a preview of it."""
    image = noise(case, "u1", (8, 10))
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(image, photometric="minisblack", metadata=None)
        writer.write(image[::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    odd_slice(case, ".tif", file.getvalue(), image)


@kind(3)
def tags_lie(case: Case) -> None:
    """Sizes, places and counts that the file doesn't hold."""
    image = noise(case, case.choice("u1", "u2"))
    height = len(image)
    tag = case.choice(
        {256: (4, [2**32 - 1])}, {257: (4, [2**32 - 1])}, {256: (4, [50000]), 257: (4, [50000])},
        {273: (4, [2**32 - 9])}, {273: (4, [10**6])}, {257: (4, [height + 7])}, {256: (4, [0])},
        {279: (4, [2**32 - 1])}, {279: (4, [0])}, {278: (4, [0])}, {277: (3, [0])}, {258: (3, [0])},
        {277: (3, [7])}, {258: (3, [12])}, {258: (3, [255])}, {339: (3, [6])}, {339: (3, [99])},
        {259: (3, [50000])}, {259: (3, [34892])}, {259: (3, [2])}, {259: (3, [7])},
        {317: (3, [3])}, {317: (3, [77])}, {322: (4, [16]), 323: (4, [2**31])}, {266: (3, [2])},
        {262: (3, [9999])}, {262: (3, [3])}, {284: (3, [2])}, {274: (3, [0])}, {274: (3, [9])},
        {257: (4, [height + 7]), 278: (4, [height + 7])}, {256: (4, [])}, {273: (4, [8] * 500)},
    )  # fmt: skip
    name = place(case, ".tif", image.shape)
    case.write(name, tiff(image, compression=case.choice(NONE, LZW, DEFLATE), tags=tag))
    number = next(iter(tag))
    if number in (256, 257) or tag in ({273: (4, [2**32 - 9])}, {273: (4, [10**6])}):
        case.expect(slice_refused(name))
    elif number == 274:  # no such orientation
        case.expect(slice_right_or_refused(name, image))


@kind()
def pages_in_circles(case: Case) -> None:
    image = noise(case)
    plain = tiff(image)
    start = struct.unpack("<I", plain[4:8])[0]
    following = case.choice(start, 8, len(plain) + 5, 2**32 - 1, 3)
    name = place(case, ".tif", image.shape)
    case.write(name, tiff(image, following=following))
    case.expect(slice_right_or_refused(name, image))
