"""TIFF files of one slice: by tifffile, and by Pillow or OpenCV where that can't decompress."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.formats import TURNED, grey_of, luminance, upright
from ctmri_detect.io.quiet import quiet

_PAGES = 8  # pages that are looked at: one slice, and smaller copies of it
_PLAIN = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE)


def size_of_tiff(path: Path) -> tuple[int, ...]:
    """Height and width of a TIFF with one page, upright."""
    with TiffFile(path) as tiff:
        page = _page(tiff)
        if page.imagedepth > 1:
            raise DataLoadingError(f"holds a volume of depth {page.imagedepth}; expected one slice")
        size = (page.imagelength, page.imagewidth)
        return size[::-1] if _orientation(page) in TURNED else size


def read_tiff(path: Path) -> NDArray[Any]:
    """The pixels of a TIFF with one page, as upright luminance; higher = brighter."""
    with TiffFile(path) as tiff:
        page = _page(tiff)
        _check_strips(page)
        try:
            image = np.asarray(page.asarray())
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return _read_compressed(path, page)
        image = _grey(image, page)
        if _says_white_is_zero(page):
            image = _white_is_zero(image, page.bitspersample)
        if image.dtype == bool:
            image = image.astype(np.uint8) * np.uint8(255)
        return upright(image.astype(image.dtype.newbyteorder("="), copy=False), _orientation(page))


def _page(tiff: TiffFile) -> TiffPage:
    """The one page at full size; only the first few are looked at, as links may form a loop."""
    pages = [page.keyframe for page in islice(tiff.pages, _PAGES)]
    full = [page for page in pages if page is not None and not page.is_reduced]
    if len(full) != 1 or _slices_behind_one_header(tiff) > 1:
        raise DataLoadingError("holds several pages, a stack or a volume; expected one slice")
    return full[0]


def _slices_behind_one_header(tiff: TiffFile) -> int:
    """How many images follow one header, by the file's own text; so ImageJ writes large stacks.

    Always 1 for OME-TIFF, whose text may count slices in other files.
    """
    if tiff.is_ome:
        return 1
    series = tiff.series[0]
    axes = zip(series.axes, series.shape, strict=True)
    return int(np.prod([size for axis, size in axes if axis not in "YXS"], initial=1))


def _check_strips(page: TiffPage) -> None:
    """Refuse a page that lacks some of its strips or tiles, which would be read as black."""
    counts = page.databytecounts[: len(page.dataoffsets)]
    if len(counts) < np.prod(page.chunked) or 0 in counts or 0 in page.dataoffsets:
        raise DataLoadingError("unreadable: cut off or damaged, not all of its strips are there")


def _orientation(page: TiffPage) -> Any:
    tag = page.tags.get("Orientation")
    return 1 if tag is None else tag.value


def _says_white_is_zero(page: TiffPage) -> bool:
    """Whether the file says that 0 is white; tifffile and Pillow also assume it without a tag."""
    said = page.tags.get("PhotometricInterpretation")
    return said is not None and said.value == PHOTOMETRIC.MINISWHITE


def _grey(image: NDArray[Any], page: TiffPage) -> NDArray[Any]:
    """Colour, palettes and other channels as luminance."""
    if page.photometric not in _PLAIN:
        name = getattr(page.photometric, "name", page.photometric)
        raise DataLoadingError(f"has colours of the kind {name}; expected grey, a palette or RGB")
    if page.planarconfig == 2 and image.ndim == 3:  # one plane for each channel
        image = np.moveaxis(image, 0, -1)
    if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None:
        shades = np.asarray(page.colormap).T[image]  # 16 bits for each channel; the upper 8 matter
        return luminance((shades >> 8).astype(np.uint8))
    if image.ndim < 3:
        return image
    colour = page.samplesperpixel - len(page.extrasamples)
    if colour not in (1, 3):
        raise DataLoadingError(f"has {colour} channels; expected grey or colour")
    return image[..., 0] if colour == 1 else luminance(image[..., :3])


def _white_is_zero(image: NDArray[Any], bits: int) -> NDArray[Any]:
    """The image inverted, so that white has the largest number.

    Types without a fixed largest number change sign: floats, and signed integers (minus one).
    """
    if image.dtype.kind == "f":
        return -image
    if image.dtype.kind == "u":
        return image ^ image.dtype.type(2**bits - 1)
    return ~image


def _read_compressed(path: Path, page: TiffPage) -> NDArray[Any]:
    """The pixels of a compression that tifffile alone can't decode, such as LZW or JPEG."""
    if page.bitspersample > 8:
        return _read_deep(path, page)
    with quiet():
        opened = Image.open(path, formats=["TIFF"])
    with opened as picture:
        picture.seek(page.index)
        picture.load()  # Pillow makes it upright, and inverts it where 0 is white
        image = grey_of(picture)
        if picture.mode == "L" and page.dtype == np.int8:
            image = image.view(np.int8)
        turned = page.photometric == PHOTOMETRIC.MINISWHITE and picture.mode in ("1", "L")
        if turned != _says_white_is_zero(page):
            image = _white_is_zero(image, 8 * image.dtype.itemsize)
        return image


def _read_deep(path: Path, page: TiffPage) -> NDArray[Any]:
    """Compressed pixels of more than 8 bits, by OpenCV: Pillow loses bits or the byte order.

    OpenCV makes them upright, and does not invert them where 0 is white.
    """
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    image = None if page.index else cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    channels = 1 if image is None or image.ndim == 2 else image.shape[2]
    if image is None or image.dtype != page.dtype or channels != page.samplesperpixel:
        packing = getattr(page.compression, "name", page.compression)
        raise DataLoadingError(
            f"holds {page.dtype} compressed by {packing}, which can't be read here; run: pip "
            "install imagecodecs, or save it without compression"
        )
    if image.ndim == 3:
        return luminance(image[..., 2::-1])
    return _white_is_zero(image, page.bitspersample) if _says_white_is_zero(page) else image
