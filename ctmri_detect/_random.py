"""Random numbers that leave the global generators alone."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from ctmri_detect._types import RandomState

_LOCK = RLock()  # the generators are the process's: two at a time would put back each other's


def own_random_state(random_state: RandomState) -> np.random.RandomState:
    """A RandomState; None makes a new one, so that numpy's global generator is left alone.

    Parameters
    ----------
    random_state : int, RandomState or None
        A RandomState is used as it is, so that each call draws other numbers from it.

    Examples
    --------
    >>> before = np.random.get_state()[1].copy()
    >>> _ = own_random_state(None).rand()
    >>> bool((np.random.get_state()[1] == before).all())
    True
    """
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def seeded(estimator: BaseEstimator, rng: np.random.RandomState) -> Any:
    """Seed from `rng` each `random_state` that is None, also of nested estimators; in place.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> seeded(IsolationForest(), np.random.RandomState(0)).random_state
    209652396
    """
    for name, value in sorted(estimator.get_params().items(), key=lambda item: item[0]):
        if name.rpartition("__")[2] == "random_state" and value is None:
            estimator.set_params(**{name: rng.randint(2**31 - 1)})
    return estimator


@contextmanager
def isolated_generators(seed: int) -> Iterator[None]:
    """Seed the global generators for a while, and put them back as they were.

    Initialisers of torch modules and some foreign estimators know no other source of random
    numbers than torch's, numpy's and Python's global generators. torch's are seeded only where
    torch has been imported. Only one thread at a time can be inside.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Yields
    ------
    None
        The generators are seeded inside the with-block.

    Examples
    --------
    >>> before = np.random.get_state()[1].copy()
    >>> with isolated_generators(0):
    ...     _ = np.random.rand()
    >>> bool((np.random.get_state()[1] == before).all())
    True
    """
    with _LOCK, _isolated_torch(seed):
        numpy_state = np.random.get_state()  # noqa: NPY002
        python_state = random.getstate()
        try:
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


@contextmanager
def _isolated_torch(seed: int) -> Iterator[None]:
    if "torch" not in sys.modules:
        yield
        return
    import torch

    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.random.default_generator.manual_seed(seed)  # torch.manual_seed would start CUDA
        for index in devices:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
