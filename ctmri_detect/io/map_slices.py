"""Write the map of one slice to a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from ctmri_detect.storage.whole import whole_file

STEPS = 1000
"""Steps of a TIFF in one standard deviation."""
MIDDLE = 2**15
"""The number in a TIFF that means 0 of a signed map."""
_MOST = 2**16 - 1
_NOT_OBSERVED = 0


def write_map_slice(
    plane: npt.ArrayLike, path: str | Path, *, signed: bool = False, outside: float = np.nan
) -> Path:
    """Write the map of one slice: ``.npy`` as it is, or ``.tif`` with 16 bits.

    In a TIFF, 0 means "not observed". Other numbers, at least 1, are the map in thousandths of a
    standard deviation: ``map = number / 1000``. For a signed map, such as one plane of `z_maps`,
    ``map = (number - 32768) / 1000``. The description inside the file says so. Values above 65.5
    are clipped; in a signed map, values beyond -32.7 and 32.7.

    Parameters
    ----------
    plane : array of shape (height, width)
        In standard deviations; NaN where nothing was observed.
    path : str or Path
        Ends in ``.npy``, ``.tif`` or ``.tiff``; its folder exists.
    signed : bool, default=False
        Whether the map has negative values.
    outside : float, default=NaN
        The value in an ``.npy`` file where nothing was observed.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        For another ending, and for an array that is not two-dimensional.

    Examples
    --------
    >>> import tempfile
    >>> plane = np.array([[0.0, 2.5], [np.nan, 9.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imread(write_map_slice(plane, f"{folder}/a.tif")).tolist()
    [[1, 2500], [0, 9000]]
    """
    path, values = Path(path), np.asarray(plane, dtype=np.float32)
    if values.ndim != 2:
        raise ValueError(f"plane has shape {values.shape}; expected (height, width), one slice.")
    ending = path.suffix.lower()
    if ending not in (".npy", ".tif", ".tiff"):
        raise ValueError(
            f"{path.name} ends in {path.suffix!r}; expected '.npy', '.tif' or '.tiff'."
        )
    seen = ~np.isnan(values)
    with whole_file(path) as file:
        if ending == ".npy":
            np.save(file, np.where(seen, values, np.float32(outside)))
            return path
        zero = MIDDLE if signed else 0
        numbers = np.rint(np.where(seen, values, 0).astype(np.float64) * STEPS) + zero
        numbers = np.where(seen, np.clip(numbers, 1, _MOST), _NOT_OBSERVED).astype(np.uint16)
        tifffile.imwrite(file, numbers, compression="adobe_deflate", description=_scale(zero))
    return path


def _scale(zero: int) -> str:
    content = {"unit": "standard deviations", "scale": 1 / STEPS, "zero": zero}
    return json.dumps(content | {"not_observed": _NOT_OBSERVED})
