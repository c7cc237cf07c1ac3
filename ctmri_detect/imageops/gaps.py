"""Fill unobserved pixels with the nearest observed value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Place = tuple[NDArray[np.int32], NDArray[np.int32]]


def nearest(there: NDArray[np.bool_]) -> Place:
    """Row and column of the nearest True pixel, for each pixel. At least one has to be True.

    Examples
    --------
    >>> rows, columns = nearest(np.array([[True, False, False, False, True]]))
    >>> columns.tolist()
    [[0, 0, 0, 4, 4]]
    """
    rows, columns = ndimage.distance_transform_edt(
        ~there, return_distances=False, return_indices=True
    )
    return rows, columns


def fill_nearest(plane: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The plane with nearest observed values in its gaps. At least one pixel has to be observed.

    Examples
    --------
    >>> plane = np.array([[np.nan, 1, np.nan, np.nan, 4]], np.float32)
    >>> fill_nearest(plane, ~np.isnan(plane)).tolist()
    [[1.0, 1.0, 1.0, 4.0, 4.0]]
    """
    return plane if observed.all() else plane[nearest(observed)]
