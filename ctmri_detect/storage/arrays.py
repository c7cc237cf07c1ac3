"""Write several arrays to one file, with fast compression."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt


def write_arrays(file: Any, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Like `numpy.savez_compressed`, but several times faster, with less compression.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write_arrays(file, {"a": np.arange(3)})
    >>> np.load(io.BytesIO(file.getvalue()))["a"].tolist()
    [0, 1, 2]
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
