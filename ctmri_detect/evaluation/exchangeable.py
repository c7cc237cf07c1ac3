"""Are new scans like those that a threshold was set on?"""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect._parameters import check_value, integer, number
from ctmri_detect._types import GroupsLike, PairsLike, RandomState
from ctmri_detect._warnings import warn_user
from ctmri_detect.base.noticing import warn_of_known
from ctmri_detect.evaluation.healthy_patients import named_patients, patients_of
from ctmri_detect.evaluation.rank_test import rank_test
from ctmri_detect.exceptions import FewPatientsWarning
from ctmri_detect.imageops.looks import LOOKS
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import walk
from ctmri_detect.scoring.calibration_patients import looks_of_patients
from ctmri_detect.validation import check_groups, check_pairs

_QUARTER = 0.25  # quantile of the anomaly scores: slices with lesions lie above it
_ENOUGH = 20  # permutations that count as an alarm; with fewer there is hardly ever one
SCORE = "score"

Numbers = npt.NDArray[np.float64]


def check_exchangeable(
    estimator: BaseEstimator,
    X: PairsLike,
    groups: GroupsLike = None,
    *,
    false_alarm_rate: float = 0.01,
    n_resamples: int = 1999,
    random_state: RandomState = None,
) -> Bunch:
    """Whether new scans are like the healthy ones that the threshold was set on.

    False-positive rates hold for scans of the same kind. On scans of another scanner or protocol,
    a detector may call nearly everybody anomalous, and the scores alone don't show why. This test
    uses numbers that a lesion hardly changes. For each patient these are the medians over the
    slices of five numbers per plane (level, width, asymmetry, noise, unevenness: see
    `imageops.looks.slice_looks`), of the images as the detector gets them, and the lower quartile
    of the anomaly scores. A permutation test compares the new patients with the healthy ones.

    If it finds a difference, call `recalibrate` with healthy scans of the new scanner. Then the
    test and the rate refer to these.

    It fails

    - with few patients: with 20 healthy and four new ones or more it can find a strong difference;
    - where the slices are of other heights of the head, or the patients of another kind: it can't
      tell this from another scanner;
    - where none of the numbers shows the difference, such as a small shift between the planes. So
      "no difference found" is no proof;
    - where most of the new patients have large lesions: these change the numbers, too.
      docs/guide/threshold.md has measured rates.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
        Fitted. Any detector of this library.
    X : Pairs or array-like of shape (n, n_planes, height, width)
        The new scans, as the first step takes them; healthy or not.
    groups : array-like of shape (n,), default=None
        The patient of each; not needed where X are `Pairs` that know them.
    false_alarm_rate : float, default=0.01
        How often scans of the same kind may be called different; above 0 and below 1.
    n_resamples : int, default=1999
        Number of random permutations of the patients, at least ``1 / false_alarm_rate - 1``. More
        make the p-value more exact and take more time.
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Returns
    -------
    Bunch
        - exchangeable: False where p_value is at most `false_alarm_rate`.
        - verdict: the same in words: "no difference found", or "other scanner, protocol or kind of
          patients".
        - p_value: float.
        - differences: DataFrame, the largest first: plane, number, healthy and new (medians over
          patients), z (difference of the ranks, in standard deviations over random permutations;
          positive = new patients are higher), differs (whether this number alone is significant).
        - n_patients, n_calibration_patients.

    Raises
    ------
    InvalidPairsError
        Where the patients are unknown: here, in `fit` or in `recalibrate`.
    TypeError
        Where the last step is no detector of this library.
    ValueError
        For `false_alarm_rate` or `n_resamples` out of range.

    Warns
    -----
    FewPatientsWarning
        Where there are too few patients to find a difference.
    TrainingDataWarning
        Where patients of X were in the fit.

    Notes
    -----
    The false-alarm rate of a permutation test is exact where new and healthy patients are
    exchangeable [1]_. After `fit`, the scores are not: the held-out patients were scored by other
    references or models. The score is one of eleven numbers (with two planes).

    References
    ----------
    .. [1] Phipson and Smyth (2010), Permutation p-values should never be zero, Statistical
       Applications in Genetics and Molecular Biology 9:39.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> X = np.random.default_rng(0).normal(size=(120, 2, 16, 16))
    >>> pairs = Pairs(X, groups=np.arange(120) // 4)
    >>> detector = AtlasDetector().fit(pairs[:80])
    >>> check_exchangeable(detector, pairs[80:], random_state=0).verdict
    'no difference found'
    >>> other = Pairs(1.3 * X[80:], groups=pairs[80:].groups)
    >>> found = check_exchangeable(detector, other, random_state=0)
    >>> found.verdict, bool(found.differences["differs"].any())
    ('other scanner, protocol or kind of patients', True)
    """
    check_value("false_alarm_rate", false_alarm_rate, [number(above=0, below=1)])
    check_value("n_resamples", n_resamples, [integer(int(np.ceil(1 / false_alarm_rate)) - 1)])
    names = patients_of(X, groups)
    route, detector = walk(estimator, X)
    healthy = named_patients(detector)
    warn_of_known(detector, names)
    reader = check_pairs(route.X)
    codes = check_groups(names, len(reader))
    looks = looks_of_patients(reader.with_groups(codes))[1]
    scores = -detector.score_samples(Pairs(route.X, groups=names))
    threshold = detector.map_scoring_.threshold_
    new = patient_numbers(looks, scores, codes)
    known = patient_numbers(healthy.looks, -threshold.scores, threshold.groups)
    _warn_of_few(len(new), len(known), false_alarm_rate)
    found = rank_test(
        new,
        known,
        rate=false_alarm_rate,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    alike = found.p_value > false_alarm_rate
    table = _differences(detector.modalities_, new, known)
    table["z"], table["differs"] = found.z, (not alike) & (np.abs(found.z) >= found.bound)
    return Bunch(
        exchangeable=alike,
        verdict="no difference found" if alike else "other scanner, protocol or kind of patients",
        p_value=found.p_value,
        differences=table.sort_values("z", key=lambda z: -z.abs(), ignore_index=True),
        n_patients=len(new),
        n_calibration_patients=len(known),
    )


def patient_numbers(
    looks: npt.NDArray[np.float32], scores: Numbers, groups: npt.NDArray[np.int64]
) -> Numbers:
    """One row per patient: looks of all planes, and the lower quartile of the anomaly scores."""
    low = [np.quantile(scores[groups == code], _QUARTER) for code in np.unique(groups)]
    return np.column_stack([looks.reshape(len(looks), -1), low]).astype(np.float64)


def _differences(planes: tuple[str, ...], new: Numbers, known: Numbers) -> pd.DataFrame:
    rows = [(plane, name) for plane in planes for name in LOOKS] + [("all", SCORE)]
    table = pd.DataFrame(rows, columns=["plane", "number"])
    return table.assign(healthy=_medians(known), new=_medians(new))


def _medians(numbers: Numbers) -> list[float]:
    return [float(column.median()) for _, column in pd.DataFrame(numbers).items()]


def _warn_of_few(new: int, known: int, rate: float) -> None:
    if rate * comb(new + known, new) < _ENOUGH:
        warn_user(
            f"There are {new} new and {known} healthy patients, too few to find a difference with "
            f"a false-alarm rate of {rate:g}: 'no difference found' means nothing here. Give more "
            "patients, or a higher rate.",
            FewPatientsWarning,
        )
