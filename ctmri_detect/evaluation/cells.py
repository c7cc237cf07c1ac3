"""The smallest piece of a benchmark: one detector, one seed, one condition, one fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

COSTS = ["fit_seconds", "score_seconds", "peak_memory_mb"]
AS_THEY_ARE = ""  # the condition of unchanged samples

Map = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Cell:
    """Which detector is measured, and on what.

    Parameters
    ----------
    detector : str
    seed : int
    fold : int
    condition : str, default=""
        "" for samples as they are.
    level : float, default=0.0
    key : str, default=""
        What the result depends on, as a digest; see `keys.cell_key`.
    """

    detector: str
    seed: int
    fold: int
    condition: str = AS_THEY_ARE
    level: float = 0.0
    key: str = ""


@dataclass(frozen=True)
class Measured:
    """The result of a cell.

    Parameters
    ----------
    samples : int array (n,)
        Rows of the data that were tested.
    decision : float64 array (n,)
        Score minus threshold: high = normal.
    has_threshold : bool
        Whether a decision below 0 means "called anomalous".
    costs : dict of str to float
        One value for each name in `COSTS`.
    maps : float16 array (n, height, width), default=None
        On the grid of the data as they were given. None without maps.
    promised : float, default=nan
        The false-positive rate that the threshold was set for; NaN where it is not known.
    error : str, default=""
        What went wrong. If it is not empty, the other results don't count.
    """

    samples: npt.NDArray[np.int64]
    decision: npt.NDArray[np.float64]
    has_threshold: bool
    costs: dict[str, float]
    maps: Map | None = None
    promised: float = float("nan")
    error: str = ""


def failed(samples: npt.NDArray[np.int64], error: str) -> Measured:
    """A cell whose detector raised an error."""
    nothing: dict[str, Any] = dict.fromkeys(COSTS, float("nan"))
    return Measured(samples, np.full(len(samples), np.nan), False, nothing, error=error)
