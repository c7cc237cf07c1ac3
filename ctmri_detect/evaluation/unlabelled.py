"""How good a detector is, estimated without labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect._types import GroupsLike, PairsLike, RandomState
from ctmri_detect._warnings import warn_user
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.evaluation.gates import check_not_seen
from ctmri_detect.exceptions import UnlabelledWarning
from ctmri_detect.metrics import decision_roc_auc_score, patient_bootstrap
from ctmri_detect.pipelines import unwrapped
from ctmri_detect.scoring import conformal_p_values
from ctmri_detect.validation import check_groups, groups_of

Scores = npt.NDArray[np.float64]

_UPPER = 0.5  # p-values above this are taken for those of healthy slices (Storey's lambda)
_FOREIGN = 0.2  # share of healthy slices, below which the whole set looks strange


def unlabelled_roc_auc(
    estimator: BaseEstimator,
    X: PairsLike,
    groups: GroupsLike = None,
    *,
    n_resamples: int = 500,
    random_state: RandomState = None,
) -> Bunch:
    """How well a fitted detector tells healthy slices from an unlabelled set [1]_.

    It is the area under the ROC curve between the healthy slices that the detector held out in its
    fit, and *all* slices of an unlabelled set, as if all of these were anomalous. The healthy ones
    among them pull it towards 0.5, for every detector in the same way. So it tells a good detector
    from a bad one. It is no estimate of the true AUROC, and doesn't tell good detectors from each
    other: on phantoms it could not show differences of 0.05 or less in the true AUROC
    (docs/statistics.md has the results). Use it to choose a method, not an epoch.

    It works where the unlabelled set has many anomalies (a fifth of its slices or more), and where
    its healthy slices look like those of the fit. It fails

    - where there are hardly any anomalies: then differences between detectors are chance. There
      is a warning where the interval is not above 0.5;
    - where patients, scanner or protocol differ from those of the fit: then it measures this
      difference, and a detector that reacts to the scanner wins. There is a warning only where
      nearly every slice looks strange. Call `recalibrate` first, with healthy slices of other
      patients from the same scanner: they replace the held-out slices;
    - on slices of the fit, which look too normal: an error, where a slice or its patient is known.

    Compare detectors that were fitted on the same slices, on the same set. After you have chosen a
    detector by a set, don't report its AUROC on that set.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
        Fitted. Any detector of this library.
    X : Pairs or array-like of shape (n, n_planes, height, width)
        The unlabelled samples, as the first step takes them.
    groups : array-like of shape (n,), default=None
        The patient of each; not needed where X are `Pairs` that know them. Without either, each
        slice is taken for a patient of its own, and the interval is too narrow.
    n_resamples : int, default=500
        Draws of patients for the interval, see `metrics.patient_bootstrap`. More take more time.
    random_state : int, RandomState or None, default=None
        Seed of the draws.

    Returns
    -------
    Bunch
        - estimate: 0 to 1; 0.5 is chance. With a share a of anomalies and the true AUROC A it is
          about ``a A + (1 - a) / 2``.
        - low, high: 95 % interval over the patients of both sides.
        - healthy_share: an estimate of the share of X that looks healthy, 0 to 1: twice the share
          that is more normal than the median of the healthy slices [2]_. It is too large where
          anomalies are missed.
        - n_healthy, n_unlabelled: slices on each side.

    Raises
    ------
    InvalidPairsError
        Where X has slices or patients of the fit; below three patients.
    TypeError
        Where the last step is no detector of this library.

    Warns
    -----
    UnlabelledWarning
        Where the interval is not above 0.5, or where few slices of X look healthy (healthy_share
        below 0.2).

    References
    ----------
    .. [1] Rahman Siddiquee et al. (2026), "AUCp: pseudo-AUC for inference model selection with
       unlabeled validation data in abnormality detection", arXiv:2606.08742.
    .. [2] Storey (2002), "A direct approach to false discovery rates", Journal of the Royal
       Statistical Society B 64:479-498, with lambda 0.5.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> X = np.random.default_rng(0).normal(size=(240, 2, 16, 16))
    >>> X[160:200, :, 4:8, 4:8] += 3  # half of the unlabelled set
    >>> pairs = Pairs(X, groups=np.arange(240) // 4)
    >>> detector = AtlasDetector().fit(pairs[:160])
    >>> found = unlabelled_roc_auc(detector, pairs[160:], random_state=0)
    >>> found.low > 0.5, 0.4 < found.healthy_share < 0.7
    (True, True)
    """
    prepared, detector = _prepared(estimator, X)
    names = groups_of(X, groups)
    check_not_seen(detector, prepared, names)
    healthy = detector.map_scoring_.calibration_scores_
    owners = detector.map_scoring_.calibration_groups_
    found = detector.score_samples(prepared)
    patients = np.arange(len(found)) if names is None else check_groups(names, len(found))
    target = np.repeat([1, -1], [len(healthy), len(found)])
    result = patient_bootstrap(
        target,
        np.concatenate([healthy, found]),
        np.concatenate([owners, patients + owners.max() + 1]),
        decision_roc_auc_score,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    share = _healthy_share(found, healthy)
    _warn(result, share, len(found))
    return Bunch(
        estimate=result.estimate,
        low=result.low,
        high=result.high,
        healthy_share=share,
        n_healthy=len(healthy),
        n_unlabelled=len(found),
    )


def _prepared(estimator: BaseEstimator, X: PairsLike) -> tuple[PairsLike, BasePairedDetector]:
    """What the detector at the end gets of X, and the detector."""
    steps, detector = unwrapped(estimator)
    for step in steps:
        X = step.transform(X)
    return X, detector


def _healthy_share(scores: Scores, healthy: Scores) -> float:
    """Share of scores that can't be told from healthy ones (Storey 2002)."""
    above = float((conformal_p_values(scores, healthy) > _UPPER).mean())
    return min(1.0, above / (1 - _UPPER))


def _warn(result: Bunch, share: float, n: int) -> None:
    shown = f"{result.estimate:.2f} ({result.low:.2f} to {result.high:.2f})"
    if result.low <= 0.5:
        warn_user(
            f"The {n} unlabelled slices are not clearly more anomalous than the healthy ones: "
            f"{shown} is not above 0.5. Differences between detectors are chance on this set. "
            "Give more slices, or a set with more anomalies.",
            UnlabelledWarning,
        )
    elif share < _FOREIGN:
        warn_user(
            f"Only {share:.0%} of the {n} unlabelled slices look like healthy ones ({shown}). "
            "Unless nearly all slices have an anomaly, the set comes from other scanners or "
            "patients than the fit, and the estimate measures this difference. Call "
            "recalibrate(own_healthy_slices) first, or use another set.",
            UnlabelledWarning,
        )
