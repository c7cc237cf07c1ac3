"""Detectors with names, and their nested parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import _name_estimators

from ctmri_detect.base import BasePairedDetector

Named = list[tuple[str, BaseEstimator]]


def unfrozen(value: Any) -> Any:
    """The estimator inside of a FrozenEstimator; anything else is given back as it is."""
    return value.estimator if isinstance(value, FrozenEstimator) else value


def is_member(value: Any) -> bool:
    """Whether a value is a detector of this library, or a fitted one in a FrozenEstimator.

    An ensemble can't be a member: its residuals are those of several detectors. Nor can a detector
    that looks at neighbouring slices.
    """
    return of_slices(value) and not hasattr(unfrozen(value), "detectors")


def of_slices(value: Any) -> bool:
    """Whether a value is a detector of single slices, an ensemble too, but not of fitted members.

    A fitted one comes in a FrozenEstimator.
    """
    inner = unfrozen(value)
    if not isinstance(inner, BasePairedDetector) or inner.traits.whole_scans:
        return False
    members = named(getattr(inner, "detectors", []))
    return not any(isinstance(member, FrozenEstimator) for _, member in members)


def are_members(value: Any) -> bool:
    """Whether a value is a list of detectors, or of (name, detector) with different names."""
    if not isinstance(value, list | tuple) or not value:
        return False
    if all(is_member(one) for one in value):
        return True
    pairs = all(isinstance(one, tuple) and len(one) == 2 for one in value)
    if not pairs or not all(isinstance(n, str) and is_member(d) for n, d in value):
        return False
    names = [name for name, _ in value]
    return len(set(names)) == len(names) and not any("__" in name for name in names)


def named(detectors: Sequence[Any]) -> Named:
    """Name and detector of each; without a name, it is named by its class as in `make_pipeline`.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, ThresholdDetector
    >>> [name for name, _ in named([AtlasDetector(), ThresholdDetector(), AtlasDetector()])]
    ['atlasdetector-1', 'thresholddetector', 'atlasdetector-2']
    """
    if not are_members(detectors):
        return []
    if isinstance(detectors[0], tuple):
        return [(name, detector) for name, detector in detectors]
    names = [name for name, _ in _name_estimators([unfrozen(one) for one in detectors])]
    return list(zip(names, detectors, strict=True))
