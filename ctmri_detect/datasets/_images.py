"""Reading one grey image, and refusing what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import io

from ctmri_detect.exceptions import DataLoadingError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
"""File types that `read_grey` reads."""


def read_grey(path: Path) -> NDArray[Any]:
    """Read one image file as a grey slice, in the numbers it holds.

    Colour is converted to luminance, an alpha channel is dropped.

    Parameters
    ----------
    path : Path
        PNG, JPEG, TIFF or .npy (read without pickle).

    Returns
    -------
    ndarray of shape (height, width)
        In the file's own dtype: 8-bit, 16-bit or float.

    Raises
    ------
    DataLoadingError
        With a short reason, where the file holds no usable slice: unreadable, not one
        slice, nothing observed, constant, infinite.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ctmri_detect.datasets._images import read_grey
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "a.npy", np.eye(3))
    ...     read_grey(Path(folder) / "a.npy").shape
    (3, 3)
    """
    image = _grey(_read(path))
    if image.dtype == bool:
        image = image.astype(np.uint8)
    if image.dtype.kind not in "uif":
        raise DataLoadingError(f"holds {image.dtype}; expected real numbers")
    finite = image[~np.isnan(image)]
    if finite.size == 0:
        raise DataLoadingError("nothing observed: every value is NaN")
    if np.isinf(finite).any():
        raise DataLoadingError("holds infinite values")
    if finite.min() == finite.max():
        raise DataLoadingError(f"constant: every value is {finite.flat[0]}")
    return image


def _read(path: Path) -> NDArray[Any]:
    try:
        if path.suffix.lower() == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        return np.asarray(io.imread(path))
    except Exception as error:  # the readers raise whatever their formats make them raise
        first = (str(error).splitlines() or [""])[0][:120]
        raise DataLoadingError(f"unreadable: {type(error).__name__}: {first}") from error


def _grey(image: NDArray[Any]) -> NDArray[Any]:
    if image.ndim == 3 and image.shape[2] in (1, 2):  # grey, grey with alpha
        image = image[..., 0]
    elif image.ndim == 3 and image.shape[2] in (3, 4):
        colour = np.ascontiguousarray(image[..., :3])
        if colour.dtype not in (np.uint8, np.uint16, np.float32):
            colour = colour.astype(np.float32)
        image = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
    if image.ndim != 2 or 0 in image.shape:
        raise DataLoadingError(f"has shape {image.shape}; expected one slice (height, width)")
    return image
