"""Columns of features, as the numpy forms of small networks take them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def with_ones(columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The columns with a row of ones below them, which takes the bias of a layer.

    Examples
    --------
    >>> with_ones(np.zeros((1, 2), np.float32)).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    out = np.empty((len(columns) + 1, columns.shape[1]), np.float32)
    out[:-1] = columns
    out[-1] = 1
    return out
