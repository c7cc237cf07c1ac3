"""Digests by which a run recognises its fitted model and its samples."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable
from typing import Any, Protocol

import joblib
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import StoredArray
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import PairReader

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class _Hash(Protocol):
    def update(self, data: Any, /) -> None:
        """Take more bytes."""


def data_digest(X: StoredArray) -> str:
    """Digest of the values of samples, and of what `Pairs` know of each; reads X once."""
    whole = hashlib.sha256(repr(tuple(int(side) for side in X.shape)).encode())
    for block in PairReader(X).blocks(copy=False):
        whole.update(np.ascontiguousarray(block).data)
    if isinstance(X, Pairs):
        names = None if X.groups is None else X.groups.astype(str).tolist()
        whole.update(joblib.hash((names, X.spacing, X.ct_units, X.modalities, X.roles)).encode())
    return whole.hexdigest()[:32]


def model_digest(estimator: BaseEstimator) -> str:
    """Digest of all that a fitted estimator holds; a saved and loaded model has the same digest.

    `joblib.hash` does not give this: for it, one array that is held twice differs from two equal
    arrays. The device is left out, because a model that was fitted on CUDA may be loaded on a CPU.
    """
    whole = hashlib.sha256()
    _add(whole, estimator, set())
    return whole.hexdigest()[:32]


def _add(whole: _Hash, value: Any, above: set[int]) -> None:
    """Add one value; `above` are the objects that it is a part of."""
    value = plain_array(value) if "torch" in sys.modules else value
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, _PLAIN):
        whole.update(f"{type(value).__name__} {value!r};".encode("utf-8", "surrogatepass"))
    elif isinstance(value, np.ndarray) and value.dtype != object:
        whole.update(f"array {value.dtype.str} {value.shape};".encode())
        whole.update(np.ascontiguousarray(value).data if value.size else b"")
    elif inspect.isroutine(value) or isinstance(value, type):
        whole.update(f"{value.__module__}.{value.__qualname__};".encode())
    elif id(value) not in above:
        parts = list(_parts(value))
        whole.update(f"{type(value).__module__}.{type(value).__qualname__} {len(parts)};".encode())
        for part in parts:
            _add(whole, part, above | {id(value)})


def _parts(value: Any) -> Iterable[Any]:
    """What an object consists of, in an order that does not depend on how it was made."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, dict):
        chosen = [(k, v) for k, v in value.items() if k != "device_"]
        return [part for pair in sorted(chosen, key=lambda pair: repr(pair[0])) for part in pair]
    return _parts_of_packages(value)


def _parts_of_packages(value: Any) -> Iterable[Any]:
    """The same for objects of numpy, pandas and torch, and for any other object."""
    if isinstance(value, np.ndarray):  # of objects
        return [value.shape, value.tolist()]
    if isinstance(value, np.dtype):
        return [value.str]
    if isinstance(value, pd.DataFrame):
        return [part for name, column in value.items() for part in (str(name), column.tolist())]
    if isinstance(value, np.random.RandomState):
        return [value.get_state(legacy=False)]
    if hasattr(value, "state_dict"):  # a network
        return [dict(value.state_dict())]
    if hasattr(value, "__dict__"):
        return [vars(value)]
    if type(value).__module__ == "torch":  # a device
        return []
    return list(value.__reduce_ex__(2)[1:])
