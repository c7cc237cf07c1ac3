"""Checks of the labels, and of what a fitted model has seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._types import GroupsLike, LabelsLike, PairsLike
from ctmri_detect._warnings import warn_user
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.base.noticing import known_patients, listed_patients
from ctmri_detect.exceptions import InvalidPairsError, LabelsWarning
from ctmri_detect.metrics import delong_test
from ctmri_detect.pipelines import last_step, steps_and_last
from ctmri_detect.validation import check_groups, check_target, groups_of

_SURE = 0.001  # two-sided; DeLong's p-values are too small where patients are few
_FEWEST_PATIENTS = 5  # of each kind


def warn_if_labels_look_mirrored(
    target: LabelsLike, decisions: Mapping[str, npt.ArrayLike], groups: GroupsLike
) -> None:
    """Warn where simple detectors rank the samples the wrong way round.

    A simple detector may be weak, with an AUROC near 0.5. But if two of them rank normal samples
    as more anomalous, far beyond chance, then +1 and -1 are probably exchanged.

    Parameters
    ----------
    target : array-like of shape (n,)
        +1 normal, -1 anomalous.
    decisions : dict of str to array-like of shape (n,)
        Name to decisions, high = normal, of baselines: `ThresholdDetector` and `AtlasDetector`.
        With fewer than two there is no warning.
    groups : array-like of shape (n,)
        The patient of each sample. There is no warning with fewer than five patients who have a
        normal sample, or fewer than five who have an anomalous one.

    Raises
    ------
    InvalidPairsError
        For labels coded otherwise, unequal lengths, NaN or missing patients.

    Warns
    -----
    LabelsWarning
        Where the AUROC of *all* detectors lies below 0.5 with p < 0.001 (DeLong's test over
        patients).

    Examples
    --------
    >>> import warnings
    >>> rng = np.random.default_rng(0)
    >>> y = np.where(np.arange(60) % 3, 1, -1)
    >>> found = {"threshold": y + rng.normal(size=60), "atlas": y + rng.normal(size=60)}
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_if_labels_look_mirrored(y, found, np.arange(60))
    ...     warn_if_labels_look_mirrored(-y, found, np.arange(60))
    >>> [each.category.__name__ for each in caught]
    ['LabelsWarning']
    """
    target = check_target(target)
    codes = check_groups(groups, len(target))
    fewest = min(len(np.unique(codes[target == label])) for label in (1, -1))
    if len(decisions) < 2 or fewest < _FEWEST_PATIENTS:
        return
    areas = {}
    for name, decision in decisions.items():
        tested = delong_test(target, decision, np.zeros(len(target)), codes)
        # No p-value where all anomalous samples rank on one side of all normal ones.
        sure = np.isnan(tested.p_value) or tested.p_value < _SURE
        if tested.auroc_a >= 0.5 or not sure:
            return
        areas[name] = tested.auroc_a
    shown = ", ".join(f"{name} {area:.2f}" for name, area in areas.items())
    warn_user(
        f"The AUROC of all baselines lies below 0.5 ({shown}), far beyond chance over "
        f"{len(np.unique(codes))} patients: samples labelled -1 look more normal than those "
        "labelled +1. The labels may be exchanged; +1 is normal, -1 anomalous. If so: "
        "target = -target.",
        LabelsWarning,
    )


def check_not_seen(estimator: Any, X: PairsLike, groups: GroupsLike = None) -> None:
    """Raise where a fitted model knows slices or patients that it is to be tested on.

    Slices are compared as the detector got them, after the steps of a Pipeline. A copy of a
    slice with any pixel changed is not recognised, except by its patient.

    Parameters
    ----------
    estimator : estimator
        A fitted detector of this library, a Pipeline or a search that ends in one, also inside
        scikit-learn's FrozenEstimator. Other models don't remember their training samples, so
        they always pass.
    X : Pairs or array-like of shape (n, n_planes, height, width)
        The test samples, as the first step takes them.
    groups : array-like of shape (n,), default=None
        The patient of each; not needed where X are `Pairs` that know them. Without either,
        only slices are compared.

    Raises
    ------
    InvalidPairsError
        Where slices or patients were in the fit. It says how many.
    NotFittedError
        Where the detector is not fitted.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 8, 8))
    >>> pairs = Pairs(X, groups=np.arange(40) // 2)
    >>> detector = AtlasDetector().fit(pairs[:30])
    >>> check_not_seen(detector, pairs[30:])
    >>> check_not_seen(detector, pairs[29:])
    Traceback (most recent call last):
    ...
    ctmri_detect.exceptions.InvalidPairsError: AtlasDetector was fitted on 1 of the 11 test \
samples and on 1 of their 6 patients: 14; expected neither, or the test figures are too good. \
Test it on other patients, or give it unfitted. Where other people have the same names, give \
them other names: groups.
    """
    if not isinstance(last_step(estimator), BasePairedDetector):
        return
    steps, detector = steps_and_last(estimator)
    names, prepared = groups_of(X, groups), X
    for step in steps:
        prepared = step.transform(prepared)
    seen = detector.seen_in_fit(prepared)
    known, n_patients = known_patients(detector, names)
    if seen.any() or known:
        counts = [f"{seen.sum()} of the {len(seen)} test samples"]
        if n_patients:
            counts.append(f"on {len(known)} of their {n_patients} patients")
        named = f": {listed_patients(known)}" if known else ""
        raise InvalidPairsError(
            f"{type(detector).__name__} was fitted on {' and '.join(counts)}{named}; expected "
            "neither, or the test figures are too good. Test it on other patients, or give it "
            "unfitted. Where other people have the same names, give them other names: groups."
        )
