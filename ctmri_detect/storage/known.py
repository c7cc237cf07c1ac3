"""The `Pairs` of a loader: an array, and what the loader's table knows of its samples."""

from __future__ import annotations

from typing import Any

import pandas as pd
from numpy.typing import NDArray

from ctmri_detect.pairs import Pairs


def known_pairs(
    array: Any,
    frame: pd.DataFrame,
    *,
    groups: NDArray[Any] | None,
    ct_units: str | None,
    places: pd.DataFrame | None = None,
    scale: NDArray[Any] | float = 1.0,
) -> Pairs:
    """Pairs over an array or memmap, which stays where it is.

    Parameters
    ----------
    array : float32 array or memmap of shape (n, 2, height, width)
    frame : DataFrame
        One row a sample; its `spacing` (mm) counts where every row has one.
    groups, ct_units
        As in `Pairs`.
    places : DataFrame, default=None
        `volume` and `z_mm` of each sample.
    scale : float or array of shape (n, 2), default=1.0
        Pixels of the file in one of `array`, along rows and columns.

    Examples
    --------
    >>> import numpy as np
    >>> frame = pd.DataFrame({"spacing": [0.5, 1.0]})
    >>> known_pairs(np.zeros((2, 2, 8, 8)), frame, groups=None, ct_units="hu").spacing.tolist()
    [[0.5, 0.5], [1.0, 1.0]]
    """
    spacing = None
    if frame["spacing"].notna().all():
        spacing = frame["spacing"].to_numpy(dtype=float)[:, None] * scale
    return Pairs(array, groups=groups, spacing=spacing, ct_units=ct_units, frame=places)
