"""What `detect` returns: blocks of it, joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

DETECTED = (
    "anomaly_score",
    "decision",
    "prediction",
    "p_value",
    "anomaly_map",
    "z_maps",
    "regions",
)


def check_include(include: Sequence[str]) -> None:
    """Refuse what names no entry of a block."""
    wrong = [name for name in include if name not in DETECTED]
    if wrong or isinstance(include, str) or not include:
        raise ValueError(
            f"include is {include!r}; expected a list of some of {', '.join(DETECTED)}."
        )


def joined(blocks: Iterable[Bunch], include: Sequence[str]) -> Bunch:
    """The named entries of all blocks, one after the other.

    Raises
    ------
    ValueError
        For a name that is no entry.

    Examples
    --------
    >>> joined([Bunch(decision=np.ones(2)), Bunch(decision=np.zeros(1))], ["decision"]).decision
    array([1., 1., 0.])
    """
    check_include(include)
    parts: dict[str, list[Any]] = {name: [] for name in include}
    for block in blocks:
        for name in include:
            parts[name].append(block[name])
    return Bunch(**{name: _one(values) for name, values in parts.items()})


def _one(values: list[Any]) -> npt.NDArray[Any] | pd.DataFrame:
    if isinstance(values[0], pd.DataFrame):
        return pd.concat(values, ignore_index=True)
    return np.concatenate(values)
