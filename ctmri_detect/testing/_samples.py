"""What the checks fit and score, and a detector fitted once for all of them."""

from __future__ import annotations

from functools import cache
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import clone

from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.testing.heads import Float, make_heads

PATIENTS = np.repeat([f"p{i}" for i in range(8)], 3)
_fitted: WeakKeyDictionary[BasePairedDetector, BasePairedDetector] = WeakKeyDictionary()


@cache
def train() -> Float:
    """24 healthy pairs of eight patients, read-only."""
    return _read_only(make_heads(24, seed=1))


@cache
def test() -> Float:
    """Five healthy pairs of other patients, read-only."""
    return _read_only(make_heads(5, seed=2))


def fit(
    estimator: BasePairedDetector, X: PairsLike | None = None, groups: GroupsLike = None
) -> BasePairedDetector:
    """A fitted clone; by default on the training pairs and their patients."""
    if X is None:
        X, groups = train(), PATIENTS
    return clone(estimator).fit(X, groups=groups)


def fitted(estimator: BasePairedDetector) -> BasePairedDetector:
    """A clone fitted on the training pairs; the same for each check of this object."""
    if estimator not in _fitted:
        _fitted[estimator] = fit(estimator)
    return _fitted[estimator]


def _read_only(X: Float) -> Float:
    X.setflags(write=False)
    return X
