"""Checks of settings: nested parameters, a search, other settings without a new fit."""

from __future__ import annotations

import pickle

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.testing._laws import demand, demand_close, demand_equal
from ctmri_detect.testing._samples import PATIENTS, fit, fitted, test, train
from ctmri_detect.testing.heads import plant


def setting(estimator: BasePairedDetector, name: str) -> str:
    """The parameter of the detector that is this setting of its scoring."""
    own = estimator.get_params(deep=False)
    return name if name in own else f"map_scoring__{name}"


def _auroc(estimator: BasePairedDetector, X: PairsLike, y: npt.ArrayLike) -> float:
    return decision_roc_auc_score(y, estimator.score_samples(X))


def _mean_score(estimator: BasePairedDetector, X: PairsLike, y: LabelsLike = None) -> float:
    return float(estimator.score_samples(X).mean())


def check_search(estimator: BasePairedDetector) -> None:
    """A search over a parameter of the scoring works, without labels and patients."""
    _check_search(estimator, known=False)


def check_search_with_labels_and_patients(estimator: BasePairedDetector) -> None:
    """The same with both; the refit learns from normal samples only."""
    _check_search(estimator, known=True)


def _check_search(estimator: BasePairedDetector, *, known: bool) -> None:
    y = np.where(np.arange(len(train())) % 5 == 0, -1, 1)
    X = train().copy()
    for i in np.flatnonzero(y == -1):
        X[i] = plant(X[i], 1, amount=1.2, at=(16, 9), radius=4)[0]
    name = setting(estimator, "pool_fraction")
    search = GridSearchCV(
        clone(estimator),
        {name: [0.01, 0.1]},
        scoring=_auroc if known else _mean_score,
        cv=NormalOnlyGroupKFold(2) if known else 2,
        error_score="raise",
    )
    search.fit(X, **({"y": y, "groups": PATIENTS} if known else {}))
    figures = search.cv_results_["mean_test_score"]
    demand(np.isfinite(figures).all(), f"A search gives finite figures. They are {figures}.")
    chosen = search.best_params_[name]
    got = search.best_estimator_.map_scoring_.pool_fraction
    demand(got == chosen, f"The best estimator has what was chosen ({chosen}). It has {got}.")
    learned = search.best_estimator_.n_samples_fit_
    normal = int((y == 1).sum()) if known else len(y)
    demand(
        learned == normal,
        f"The refit learns from the {normal} normal samples. It learned from {learned}.",
    )


def check_nested_parameters(estimator: BasePairedDetector) -> None:
    """``map_scoring__x`` and ``training__x`` reach into the default where the parameter is None."""
    if "map_scoring" not in estimator.get_params(deep=False):
        return
    detector = clone(estimator).set_params(map_scoring=None, map_scoring__clip=3.0)
    got = getattr(detector.map_scoring, "clip", None)
    demand(got == 3.0, f"set_params(map_scoring__clip=3.0) sets it. The clip is {got}.")
    demand(
        estimator.map_scoring is None or estimator.map_scoring.clip != 3.0,
        "A clone shares no parameter object with the original.",
    )
    if "training" in detector.get_params(deep=False):
        detector.set_params(training=None, training__max_epochs=1)
        epochs = detector.training.max_epochs
        demand(epochs == 1, f"set_params(training__max_epochs=1) sets it. It is {epochs}.")
        detector.fit(train()[:9], groups=PATIENTS[:9])


def check_rescore(estimator: BasePairedDetector) -> None:
    """`rescore` changes the threshold or the scores, and not the model."""
    detector = fitted(estimator)
    copy = pickle.loads(pickle.dumps(detector)).rescore(false_positive_rate=0.5)
    demand(
        copy.offset_ > detector.offset_,
        f"A higher false_positive_rate raises offset_. It went from {detector.offset_:.3g} to "
        f"{copy.offset_:.3g}.",
    )
    law = "rescore does not change the residuals."
    demand_equal(copy.residual_map(test()), detector.residual_map(test()), law)
    fresh = fit(clone(estimator).set_params(**{setting(estimator, "pool_fraction"): 0.2}))
    copy = pickle.loads(pickle.dumps(detector)).rescore(pool_fraction=0.2)
    law = "rescore(pool_fraction=0.2) gives the scores of a fit with that setting."
    demand_close(copy.score_samples(test()), fresh.score_samples(test()), law)
