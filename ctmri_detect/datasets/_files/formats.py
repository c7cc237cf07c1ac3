"""The readers behind `read_grey`: Pillow for pictures, tifffile for TIFF, numpy for .npy.

Each format has two functions: the size from the header, without decoding, and the pixels.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from ctmri_detect.exceptions import DataLoadingError

MAX_SIDE = 4096
MAX_PIXELS = MAX_SIDE**2
"""No slice of a head has more: 16.8 million, 64 MiB as float32."""

_DIRECT = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_PAGES = 8  # of a TIFF: one slice, and smaller copies of it
_PNG_DEPTH = slice(24, 26)  # bit depth and colour type in the header (PNG, section 11.2.2)


def _open(path: Path) -> ImageFile:
    """The picture with its header read.

    Not `Image.open`: that warns of a large image before its size can be looked at, and
    silencing a warning is not safe among threads.
    """
    with path.open("rb") as file:
        head = file.read(2)
    if head == b"\x89P":
        return PngImageFile(str(path))
    return BmpImageFile(str(path)) if head == b"BM" else JpegImageFile(str(path))


def size_of_picture(path: Path) -> tuple[int, ...]:
    """Height and width of a PNG, JPEG or BMP as it is shown."""
    with _open(path) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise DataLoadingError("holds several frames; expected one slice")
        width, height = picture.size
        return (width, height) if _orientation(picture) >= 5 else (height, width)


def _orientation(picture: ImageFile) -> int:
    """The EXIF orientation of a JPEG, 5 to 8 swap the axes. A PNG would be decoded for it."""
    return picture.getexif().get(0x0112, 1) if isinstance(picture, JpegImageFile) else 1


def read_picture(path: Path) -> NDArray[Any]:
    """The pixels of a PNG, JPEG or BMP, as luminance."""
    with _open(path) as picture:
        picture.load()
        if picture.mode not in _DIRECT and _is_deep_png(path):
            return _deep_png(path)
        turned = _orientation(picture) != 1
        shown: Image.Image = ImageOps.exif_transpose(picture) if turned else picture
        if shown.mode in _DIRECT:
            image = np.asarray(shown)
            return image.astype(image.dtype.newbyteorder("="))
        if shown.mode in ("LA", "La"):
            return np.asarray(shown)[..., 0]
        return luminance(np.asarray(shown.convert("RGB")))


def _is_deep_png(path: Path) -> bool:
    """Whether it is a PNG with 16 bits and colour or alpha, of which Pillow keeps 8."""
    with path.open("rb") as file:
        head = file.read(_PNG_DEPTH.stop)
    return head.startswith(b"\x89PNG") and head[_PNG_DEPTH.start] == 16


def _deep_png(path: Path) -> NDArray[Any]:
    """The pixels of a PNG that Pillow has found to be whole, with all their bits."""
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DataLoadingError("unreadable: a PNG with 16 bits that can't be decoded")
    return image if image.ndim == 2 else luminance(image[..., 2::-1])


def luminance(colour: NDArray[Any]) -> NDArray[Any]:
    """Grey of red, green, blue (ITU-R BT.601 weights); equal channels keep their values."""
    if colour.dtype not in (np.uint8, np.uint16, np.float32):
        colour = colour.astype(np.float32)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_RGB2GRAY))


def size_of_tiff(path: Path) -> tuple[int, ...]:
    """Height and width of a TIFF with one page."""
    with TiffFile(path) as tiff:
        page = _page(tiff)
        if page.imagedepth > 1:
            raise DataLoadingError(f"holds a volume of depth {page.imagedepth}; expected one slice")
        return page.imagelength, page.imagewidth


def _page(tiff: TiffFile) -> TiffPage:
    """The one page at full size; only the first few are looked at, as a chain may be a loop."""
    pages = [page.keyframe for page in islice(tiff.pages, _PAGES)]
    full = [page for page in pages if page is not None and not page.is_reduced]
    if len(full) != 1:
        raise DataLoadingError("holds several pages, a stack or a volume; expected one slice")
    return full[0]


def read_tiff(path: Path) -> NDArray[Any]:
    """The pixels of a TIFF with one page, as luminance; white-is-zero is turned round."""
    with TiffFile(path) as tiff:
        page = _page(tiff)
        try:
            image = np.asarray(page.asarray())
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return _compressed_tiff(path)
        colour = page.samplesperpixel - len(page.extrasamples)
        if page.planarconfig == 2 and image.ndim == 3:  # one plane a channel
            image = np.moveaxis(image, 0, -1)
        if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None:
            shades = np.asarray(page.colormap).T[image]  # 16 bits a channel, of 8 that count
            return luminance((shades >> 8).astype(np.uint8))
        if image.ndim == 3:
            if colour not in (1, 3):
                raise DataLoadingError(f"has {colour} channels; expected grey or colour")
            image = image[..., 0] if colour == 1 else luminance(image[..., :3])
        if page.photometric == PHOTOMETRIC.MINISWHITE and image.dtype.kind in "bu":
            top = True if image.dtype == bool else 2**page.bitspersample - 1
            image = image ^ image.dtype.type(top)
        return image.astype(image.dtype.newbyteorder("="), copy=False)


def _compressed_tiff(path: Path) -> NDArray[Any]:
    """LZW and JPEG inside TIFF, which Pillow brings and tifffile alone does not."""
    with Image.open(path, formats=["TIFF"]) as picture:
        if picture.mode in _DIRECT:
            image = np.asarray(picture)
            return image.astype(image.dtype.newbyteorder("="))
        return luminance(np.asarray(picture.convert("RGB")))


_NPY_REASONS = {
    "Python objects": (
        "refused: it holds pickled Python objects, which can run code when they are read; save "
        "an array of numbers"
    ),
    "greater than file size": "unreadable: cut off, its header promises more than the file holds",
}
"""What numpy says, and what it means to who has the file."""


def _map_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file, unread: objects and a header that promises too much fail here."""
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        for words, reason in _NPY_REASONS.items():
            if words in str(error):
                raise DataLoadingError(reason) from None
        raise
    return mapped[..., 0] if mapped.ndim == 3 and mapped.shape[2] == 1 else mapped


def size_of_npy(path: Path) -> tuple[int, ...]:
    """Shape of a .npy file, an axis of length one at the end left out."""
    return _map_npy(path).shape


def read_npy(path: Path) -> NDArray[Any]:
    """The values of a .npy file, in native byte order."""
    mapped = _map_npy(path)
    return np.array(mapped, dtype=mapped.dtype.newbyteorder("="))
