"""The readers that `read_grey` uses: Pillow for pictures, numpy for .npy; for TIFF see `tiff`.

Each format has two functions: the size from the header, without decoding, and the pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.png_data import check_png
from ctmri_detect.io.quiet import quiet

MAX_SIDE = 4096
MAX_PIXELS = MAX_SIDE**2
"""No slice of a head has more: 16.8 million pixels, 64 MiB as float32."""

DIRECT = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
"""Modes of Pillow whose arrays hold one grey value for each pixel."""

_ORIENTATION = 0x0112  # EXIF and TIFF
_PNG_DEPTH = slice(24, 26)  # bit depth and colour type in the header (PNG, section 11.2.2)


def _orientation(picture: ImageFile) -> Any:
    with quiet():
        return picture.getexif().get(_ORIENTATION, 1)


def _open(path: Path) -> ImageFile:
    """The picture with its header read.

    `Image.open` is not used: it warns of a large image before its size is known, and silencing a
    warning is not safe in threads.
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
        # the EXIF of a PNG may follow its pixels; they are not decoded here to find it
        early = isinstance(picture, JpegImageFile) or "exif" in picture.info
        turned = early and _orientation(picture) in TURNED
        return (width, height) if turned else (height, width)


def read_picture(path: Path) -> NDArray[Any]:
    """The pixels of a PNG, JPEG or BMP as upright luminance; one-bit pixels become 0 and 255."""
    with _open(path) as picture:
        picture.load()
        if isinstance(picture, PngImageFile):
            check_png(path)
        orientation = _orientation(picture)
        if picture.mode not in DIRECT and _is_deep_png(path):
            image = _deep_png(path)
        else:
            image = grey_of(picture)
    return upright(image, orientation)


TURNED = (5, 6, 7, 8)
"""Orientations in which rows are stored as columns."""


def upright(image: NDArray[Any], orientation: Any) -> NDArray[Any]:
    """The image upright, by its orientation number in EXIF or TIFF.

    Orientation 1 is upright; 2 to 8 say what the first row and the first column are (TIFF 6.0,
    page 36). Any other number is read as 1, as Pillow does.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.io.formats import upright
    >>> upright(np.array([[1, 2, 3]]), 6).tolist(), upright(np.array([[1, 2, 3]]), 2).tolist()
    ([[1], [2], [3]], [[3, 2, 1]])
    """
    if orientation in TURNED:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)  # OpenCV needs contiguous arrays


def grey_of(picture: Image.Image) -> NDArray[Any]:
    """A decoded picture as luminance, in native byte order."""
    if picture.mode == "1":
        return np.asarray(picture).astype(np.uint8) * np.uint8(255)
    if picture.mode in DIRECT:
        image = np.asarray(picture)
        return image.astype(image.dtype.newbyteorder("="))
    if picture.mode in ("LA", "La"):
        return np.asarray(picture)[..., 0]
    return luminance(np.asarray(with_colour(picture)))


def with_colour(picture: Image.Image) -> Image.Image:
    """A decoded picture in red, green and blue; transparency is ignored."""
    if "transparency" in picture.info:  # dropping it directly would make Pillow warn
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _is_deep_png(path: Path) -> bool:
    """Whether it is a PNG with 16 bits; of colour or alpha, Pillow would keep only 8."""
    with path.open("rb") as file:
        head = file.read(_PNG_DEPTH.stop)
    return head.startswith(b"\x89PNG") and head[_PNG_DEPTH.start] == 16


def _deep_png(path: Path) -> NDArray[Any]:
    """The pixels of a 16-bit PNG with all their bits; Pillow has checked that it is complete."""
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DataLoadingError("unreadable: a PNG with 16 bits that can't be decoded")
    return image if image.ndim == 2 else luminance(image[..., 2::-1])


def luminance(colour: NDArray[Any]) -> NDArray[Any]:
    """Luminance of red, green, blue (ITU-R BT.601 weights); equal channels keep their values."""
    if colour.dtype not in (np.uint8, np.uint16, np.float32):
        colour = colour.astype(np.float32)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_RGB2GRAY))


_NPY_REASONS = {
    "Python objects": (
        "refused: it holds pickled Python objects, which can run code when they are read; save "
        "an array of numbers"
    ),
    "greater than file size": "unreadable: cut off, its header promises more than the file holds",
    "overflow": "unreadable: its header promises more than any file holds",
}
"""Words in numpy's errors, and the reason that users are told."""


def _map_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file, not read yet. Python objects and cut-off files are refused."""
    try:
        with np.errstate(over="raise"):  # the product of the sides may be too large for a number
            mapped = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, FloatingPointError) as error:
        for words, reason in _NPY_REASONS.items():
            if words in str(error):
                raise DataLoadingError(reason) from None
        raise
    return mapped[..., 0] if mapped.ndim == 3 and mapped.shape[2] == 1 else mapped


def size_of_npy(path: Path) -> tuple[int, ...]:
    """Shape of a .npy file, without a third axis of length 1."""
    return _map_npy(path).shape


def read_npy(path: Path) -> NDArray[Any]:
    """The values of a .npy file, in native byte order."""
    mapped = _map_npy(path)
    return np.array(mapped, dtype=mapped.dtype.newbyteorder("="))
