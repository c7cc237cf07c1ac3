"""Read one grey image; refuse files that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.formats import (
    MAX_PIXELS,
    MAX_SIDE,
    read_npy,
    read_picture,
    size_of_npy,
    size_of_picture,
)
from ctmri_detect.io.tiff import read_tiff, size_of_tiff

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy")
"""File types that `read_grey` reads."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"BM", "picture"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x93NUMPY", "npy"),
)
_SIZES: dict[str, Callable[[Path], tuple[int, ...]]] = {
    "picture": size_of_picture, "tiff": size_of_tiff, "npy": size_of_npy
}  # fmt: skip
_READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    "picture": read_picture, "tiff": read_tiff, "npy": read_npy
}  # fmt: skip


def read_grey(path: Path) -> NDArray[Any]:
    """Read one image file as a grey slice, with its own values.

    The file's first bytes decide on the format, not its ending. Colour, palettes and CMYK are
    converted to luminance, an alpha channel is dropped, and the orientation from EXIF or TIFF is
    applied. Where a TIFF says that 0 is white, values are inverted; one-bit pixels become 0 and
    255. The size is read from the header first, so that a small file that would unpack to a huge
    image is refused before it is unpacked.

    Parameters
    ----------
    path : Path
        PNG, JPEG, BMP, TIFF with one page, or .npy (read without pickle).

    Returns
    -------
    ndarray of shape (height, width)
        In the file's own dtype, native byte order: 8-bit, 16-bit or float.

    Raises
    ------
    DataLoadingError
        If the file holds no usable slice: unreadable, not one slice, more than 4096 x 4096 pixels,
        nothing observed, constant, infinite. The message is a short reason without the path.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ctmri_detect.io.images import read_grey
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "a.npy", np.eye(3))
    ...     read_grey(Path(folder) / "a.npy").shape
    (3, 3)
    """
    kind = _kind(path)
    _guarded(_SIZES[kind], path)
    return _checked(_guarded(_READERS[kind], path))


def read_size(path: Path) -> tuple[int, int]:
    """Height and width of one image file, read from its header.

    Raises
    ------
    DataLoadingError
        As in `read_grey`, for what the header shows.
    """
    size = _guarded(_SIZES[_kind(path)], path)
    return size[0], size[1]


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise DataLoadingError(f"unreadable: {error.strerror or type(error).__name__}") from error
    if not head:
        raise DataLoadingError("unreadable: the file is empty")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    raise DataLoadingError("unreadable: not PNG, JPEG, BMP, TIFF or .npy, whatever its name says")


def _guarded(read: Callable[[Path], Any], path: Path) -> Any:
    """Call a reader; any error becomes a DataLoadingError with a short reason without the path."""
    try:
        result = read(path)
    except DataLoadingError:
        raise
    except SyntaxError:  # Pillow's error for a damaged header
        raise DataLoadingError("unreadable: its header is damaged") from None
    except Exception as error:  # damaged files make the readers raise all kinds of errors
        text = (str(error).splitlines() or [""])[0].replace(str(path), path.name)
        raise DataLoadingError(f"unreadable: {type(error).__name__}: {text[:120]}") from error
    shape = result if isinstance(result, tuple) else result.shape
    if len(shape) != 2 or 0 in shape:
        raise DataLoadingError(f"has shape {shape}; expected one slice (height, width)")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise DataLoadingError(
            f"has {shape[0]}x{shape[1]} pixels; expected a slice of at most {MAX_SIDE}x{MAX_SIDE}"
        )
    return result


def _checked(image: NDArray[Any]) -> NDArray[Any]:
    if image.dtype == bool:
        image = image.astype(np.uint8)
    if image.dtype.kind not in "uif":
        raise DataLoadingError(f"holds {image.dtype}; expected real numbers")
    finite = image[~np.isnan(image)] if image.dtype.kind == "f" else image
    if finite.size == 0:
        raise DataLoadingError("nothing observed: every value is NaN")
    low, high = finite.min(), finite.max()
    if max(abs(float(low)), abs(float(high))) > float(np.finfo(np.float32).max):
        raise DataLoadingError("holds infinite values, or values too large for float32")
    if low == high:
        raise DataLoadingError(f"constant: every value is {low}")
    return image
