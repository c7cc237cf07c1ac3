"""A decision for each patient, with one error rate a patient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control
from sklearn.base import BaseEstimator

from ctmri_detect._parameters import OneOf, check_value, number
from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.base.noticing import warn_of_known
from ctmri_detect.evaluation.healthy_patients import (
    healthy_patients,
    patients_of,
    warn_of_few_patients,
    warn_of_many_called,
    warn_of_slices,
    whats_other,
)
from ctmri_detect.evaluation.patients import patient_scores
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import unwrapped, walk
from ctmri_detect.scoring import conformal_p_values
from ctmri_detect.validation import check_decision, check_groups, check_pairs

AGGREGATIONS = {"max": "min", "highest_share": "lowest_share", "mean": "mean"}  # pools of decisions

Scores = npt.NDArray[np.float64]


def patient_predict(
    estimator: BaseEstimator,
    X: PairsLike,
    *,
    groups: GroupsLike = None,
    false_positive_rate: float = 0.05,
    aggregation: str = "max",
) -> pd.DataFrame:
    """Which patients are anomalous, with one false-positive rate for each patient.

    `predict` keeps a rate per slice. A patient has many slices, so far more than 5 % of the
    healthy patients have a flagged one. Here the score of a patient is that of the most anomalous
    slice, and its p-value counts healthy *patients* that score at least as high: those that the
    fitted detector held out, or was given in `recalibrate`.

    What the rate promises:

    - After `recalibrate` with healthy patients whom neither the model nor its reference saw, it
      is exact. A healthy patient of the same kind is called anomalous with a probability of
      ``floor(a (n + 1)) / (n + 1)``, at most the rate a, on average over sets of n patients.
      With one set of few patients it may be higher or lower (docs/guide/threshold.md shows by how
      much).
    - After `fit` it is approximate: the held-out patients set the threshold and are also the
      reference. Where each part was held out in turn, other models than the last one scored them.
      Measured rates are in docs/guide/threshold.md.
    - It doesn't hold for another scanner or protocol, for other kinds of patients (much older,
      after surgery), for patients of the fit, and for patients with many more slices than those
      that set it. `check_exchangeable` tests for another scanner.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
        Fitted. Any detector of this library.
    X : Pairs or array-like of shape (n, n_planes, height, width)
        All slices of the patients, as the first step takes them.
    groups : array-like of shape (n,), default=None
        The patient of each; not needed where X are `Pairs` that know them.
    false_positive_rate : float, default=0.05
        Share of healthy patients that may be called anomalous; above 0 and below 1. It needs at
        least ``1 / false_positive_rate - 1`` healthy patients (5 %: 19).
    aggregation : {"max", "highest_share", "mean"}, default="max"
        The score of a patient: the highest score of its slices; the mean of the highest fifth;
        the mean of all. The same is done with the healthy patients. "max" finds a lesion in one
        slice, but rises with the number of slices; "highest_share" is not misled by a single bad
        slice, but misses small lesions; "mean" is for anomalies of the whole head.

    Returns
    -------
    DataFrame
        One row per patient, in the order of `patient_scores`:

        - patient
        - anomaly_score: high = anomalous
        - p_value: small = anomalous; none is below 1 / (healthy patients + 1)
        - q_value: p-value adjusted after Benjamini and Hochberg [2]_. Of the patients with a
          q-value of at most a, on average at most the share a is healthy. See Notes.
        - prediction: -1 where the p-value is at most the rate, else +1
        - n_slices
        - strongest_row: row of X with the highest anomaly score

        Its `attrs` say what the rate rests on: "guarantee" ("exact" or "approximate"), "why",
        "n_calibration_patients", "calibration_slices" (median number of slices per patient).

    Raises
    ------
    InvalidPairsError
        Where the patients are unknown: here, in `fit` or in `recalibrate`.
    TypeError
        Where the last step is no detector of this library.
    ValueError
        For a rate out of range or an unknown aggregation.

    Warns
    -----
    ThresholdWarning
        With too few healthy patients for the rate: nobody is called anomalous then. Also where a
        patient has more than 1.5 times the median number of slices of the healthy patients, and
        more than any of them: its p-value is too small. With far fewer slices, it is too large.
    TrainingDataWarning
        Where patients of X were in the fit.
    UnlikeTrainingWarning
        Where most of five patients or more are called anomalous.

    Notes
    -----
    Scores of slices with missing planes are brought to the scale of complete ones, as in
    `decision_function`. Only median and threshold agree then, so the rate is approximate.

    Q-values need p-values that are independent or positively dependent (PRDS [3]_). Bates et al.
    [1]_ prove this for conformal p-values that share their healthy patients. The promise holds on
    average over sets of healthy patients, if all patients are independent and the p-values hold.
    The smallest possible q-value is (number of patients) / (number called) / (healthy patients +
    1). So with few healthy patients and a long list, no q-value may be small.

    References
    ----------
    .. [1] Bates, Candes, Lei, Romano and Sesia (2023), Testing for outliers with conformal
       p-values, Annals of Statistics 51:149-178.
    .. [2] Benjamini and Hochberg (1995), Controlling the false discovery rate, Journal of the
       Royal Statistical Society B 57:289-300.
    .. [3] Benjamini and Yekutieli (2001), The control of the false discovery rate in multiple
       testing under dependency, Annals of Statistics 29:1165-1188.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> X = np.random.default_rng(0).normal(size=(180, 2, 16, 16))
    >>> X[175, :, 4:8, 4:8] += 6
    >>> pairs = Pairs(X, groups=[f"p{i // 4:02d}" for i in range(180)])
    >>> detector = AtlasDetector().fit(pairs[:60]).recalibrate(pairs[60:160])
    >>> found = patient_predict(detector, pairs[160:])
    >>> found[["patient", "prediction", "n_slices"]].values.tolist()[3:]
    [['p43', -1, 4], ['p44', 1, 4]]
    >>> found.attrs["guarantee"], int(found["strongest_row"][3])
    ('exact', 15)
    """
    names = patients_of(X, groups)
    route, detector = walk(estimator, X)
    missing = check_pairs(route.X).missing
    return patient_predict_scores(
        detector,
        -detector.score_samples(Pairs(route.X, groups=names)),
        names,
        missing=missing,
        false_positive_rate=false_positive_rate,
        aggregation=aggregation,
    )


def patient_predict_scores(
    estimator: BaseEstimator,
    anomaly_score: npt.ArrayLike,
    groups: GroupsLike,
    *,
    missing: npt.ArrayLike | None = None,
    false_positive_rate: float = 0.05,
    aggregation: str = "max",
) -> pd.DataFrame:
    """`patient_predict` for slices that are already scored.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
        The fitted one that scored them.
    anomaly_score : array-like of shape (n,)
        Of each slice, as `detect` gives it; high = anomalous.
    groups : array-like of shape (n,)
        The patient of each slice.
    missing : bool array-like of shape (n, n_planes), default=None
        Which planes each slice lacks; None means none. It only decides whether the rate is exact.
    false_positive_rate : float, default=0.05
        As `patient_predict`.
    aggregation : {"max", "highest_share", "mean"}, default="max"
        As `patient_predict`.

    Returns
    -------
    DataFrame
        As `patient_predict`; `strongest_row` counts the entries of `anomaly_score`.

    Raises
    ------
    InvalidPairsError, TypeError, ValueError
        As `patient_predict`.

    Warns
    -----
    ThresholdWarning, TrainingDataWarning, UnlikeTrainingWarning
        As `patient_predict`.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> X = np.random.default_rng(0).normal(size=(120, 2, 16, 16))
    >>> pairs = Pairs(X, groups=np.arange(120) // 4)
    >>> detector = AtlasDetector().fit(pairs[:100])
    >>> scores = detector.detect(pairs[100:], include=["anomaly_score"]).anomaly_score
    >>> found = patient_predict_scores(detector, scores, pairs[100:].groups)
    >>> found.equals(patient_predict(detector, pairs[100:]))
    True
    """
    check_value("false_positive_rate", false_positive_rate, [number(above=0, below=1)])
    check_value("aggregation", aggregation, [OneOf(*AGGREGATIONS)])
    detector = unwrapped(estimator)[1]
    scores = -check_decision(anomaly_score)
    codes = check_groups(patients_of(None, groups), len(scores))
    pool = AGGREGATIONS[aggregation]
    healthy, why = healthy_patients(detector, pool)
    found = patient_scores(scores, groups, pool)
    p = conformal_p_values(found["decision"].to_numpy(), healthy["decision"].to_numpy())
    table = pd.DataFrame(
        {
            "patient": found["patient"],
            "anomaly_score": -found["decision"],
            "p_value": p,
            "q_value": false_discovery_control(p),
            "prediction": np.where(p <= false_positive_rate, -1, 1),
            "n_slices": found["n_slices"],
            "strongest_row": [_lowest(scores, codes == code) for code in np.unique(codes)],
        }
    )
    why += whats_other(detector, missing, warn_of_known(detector, groups))
    table.attrs = {
        "guarantee": "approximate" if why else "exact",
        "why": "; ".join(why) or "the threshold was set by patients that nothing was fitted on",
        "n_calibration_patients": len(healthy),
        "calibration_slices": float(healthy["n_slices"].median()),
    }
    warn_of_many_called(int((table["prediction"] == -1).sum()), len(table))
    warn_of_few_patients(len(healthy), false_positive_rate)
    if aggregation != "mean":  # which doesn't rise with the number of slices
        warn_of_slices(table["n_slices"], healthy["n_slices"])
    return table


def _lowest(scores: Scores, own: npt.NDArray[np.bool_]) -> int:
    rows = np.flatnonzero(own)
    return int(rows[np.argmin(scores[rows])])
