"""The healthy patients that set the threshold of a fitted detector, and warnings about them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect._warnings import warn_user
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.evaluation.patients import patient_scores
from ctmri_detect.exceptions import InvalidPairsError, ThresholdWarning, UnlikeTrainingWarning
from ctmri_detect.scoring.calibration_patients import CalibrationPatients
from ctmri_detect.scoring.thresholds import conformal_rank, slices_needed
from ctmri_detect.validation import groups_of

_MANY_TIMES = 1.5  # as many slices as usual, or as few; with twice as many, 5 % become 8 to 22 %
_FEWEST = 5  # patients; below, no warning that most are called anomalous


def patients_of(X: PairsLike | None, groups: GroupsLike) -> GroupsLike:
    """The patient of each slice; refused where they are unknown."""
    names = groups_of(X, groups)
    if names is None:
        raise InvalidPairsError(
            "The patients of X are unknown; expected one for each slice. Give groups=patients, or "
            "Pairs(X, groups=patients)."
        )
    return names


def named_patients(detector: BasePairedDetector) -> CalibrationPatients:
    """The patients whose slices set the threshold; refused where they are unknown."""
    patients = detector.map_scoring_.threshold_patients
    named = patients.named | (~patients.own & (detector.n_patients_fit_ is not None))
    if not named.all():
        where = "recalibrate" if patients.own.any() else "fit"
        raise InvalidPairsError(
            f"The threshold rests on slices whose patients are unknown: {where} got no groups; "
            f"expected the patients, to count them. Call {where} with groups=patients, or with "
            "Pairs that know them."
        )
    return patients


def healthy_patients(detector: BasePairedDetector, pool: str) -> tuple[pd.DataFrame, list[str]]:
    """`patient_scores` of the healthy patients, and reasons why the rate is only approximate."""
    patients, threshold = named_patients(detector), detector.map_scoring_.threshold_
    why = []
    if not patients.own.all():
        why.append("the threshold was set by patients that fit held out, not by recalibrate")
    elif not patients.unseen.all():
        why.append(f"{(~patients.unseen).sum()} patients given to recalibrate were in the fit")
    return patient_scores(threshold.scores, threshold.groups, pool), why


def whats_other(
    detector: BasePairedDetector, missing: npt.ArrayLike | None, known: list[str]
) -> list[str]:
    """How new patients differ from the healthy ones, so that the rate is only approximate."""
    found = [f"{len(known)} patients were in the fit"] if known else []
    patterns = detector.map_scoring_.patterns_
    base = patterns.patterns[patterns.base]
    seen = np.ones((1, len(base)), dtype=bool) if missing is None else ~np.asarray(missing)
    other = int((seen != base).any(axis=1).sum())
    if other:
        found.append(f"{other} slices have other planes than those that set the threshold")
    return found


def warn_of_few_patients(n: int, false_positive_rate: float) -> None:
    if conformal_rank(n, false_positive_rate):
        return
    warn_user(
        f"The threshold rests on {n} healthy patient(s), too few for a false-positive rate of "
        f"{false_positive_rate:g} per patient: at least {slices_needed(false_positive_rate)} are "
        "needed. No patient is called anomalous; anomaly_score still ranks. Call recalibrate with "
        "more healthy patients, or ask for a higher rate.",
        ThresholdWarning,
    )


def warn_of_slices(n: pd.Series, healthy: pd.Series) -> None:
    """Warn of patients with far more or fewer slices than healthy ones."""
    usual = float(healthy.median())
    more = (n > _MANY_TIMES * usual) & (n > healthy.max())
    fewer = (n < usual / _MANY_TIMES) & (n < healthy.min())
    if not (more | fewer).any():
        return
    said = []
    if more.any():
        said.append(
            f"{more.sum()} have up to {n.max()}, so that healthy ones are called anomalous too "
            "often"
        )
    if fewer.any():
        said.append(f"{fewer.sum()} have down to {n.min()}, so that anomalies are missed")
    warn_user(
        f"The healthy patients of the threshold have {usual:g} slices each (median). Of these "
        f"{len(n)} patients, {'; '.join(said)}. Score slices of the same range and distance, or "
        "call recalibrate with patients like these.",
        ThresholdWarning,
    )


def warn_of_many_called(called: int, n: int) -> None:
    """Warn where most patients are called anomalous."""
    if n >= _FEWEST and called > n / 2:
        warn_user(
            f"{called} of {n} patients are called anomalous. If most of them should be healthy, "
            "these scans are of another scanner, protocol or preparation than those that set the "
            "threshold. Test it with evaluation.check_exchangeable(detector, X), and call "
            "recalibrate with healthy scans of the same scanner.",
            UnlikeTrainingWarning,
        )
