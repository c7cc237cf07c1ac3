"""The scorers in searches: signs, groups and masks reach where they should."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, Pairs, anomaly_map
from ctmri_detect.evaluation import (
    anomaly_map_average_precision_scorer,
    decision_average_precision_scorer,
    decision_roc_auc_scorer,
)
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    anomaly_map_average_precision_score,
    decision_average_precision_score,
    decision_roc_auc_score,
)
from ctmri_detect.model_selection import LeaveOnePatientOut, NormalOnlyGroupKFold
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import Resize

IMAGE = [
    (decision_roc_auc_scorer, decision_roc_auc_score),
    (decision_average_precision_scorer, decision_average_precision_score),
]
GRID = {"map_scoring__pool_fraction": [0.01, 1.0]}
CV = NormalOnlyGroupKFold(3)


@pytest.fixture(scope="module")
def fitted(same_data):
    return AtlasDetector().fit(same_data.data, same_data.target)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize(("scorer", "metric"), IMAGE)
def test_an_image_scorer_is_the_metric_of_the_decisions(scorer, metric, fitted, same_data):
    blurred = same_data.data + np.random.default_rng(0).normal(size=same_data.data.shape) * 1.5
    found = scorer(fitted, blurred, same_data.target)
    assert found == metric(same_data.target, fitted.decision_function(blurred))
    assert 0.5 < found < 0.99
    pipe = make_pipeline("passthrough", fitted)
    assert scorer(pipe, blurred, same_data.target) == found
    with pytest.raises(InvalidPairsError, match=r"expected \+1"):
        scorer(fitted, same_data.data, (same_data.target == -1).astype(int))


@pytest.mark.parametrize("on", [False, True], ids=["plain", "metadata routing"])
@pytest.mark.parametrize(("scorer", "metric"), IMAGE)
def test_a_search_with_an_image_scorer(scorer, metric, on, same_data):
    with sklearn.config_context(enable_metadata_routing=on):
        search = GridSearchCV(
            AtlasDetector(), GRID, scoring=scorer, cv=CV, error_score="raise"
        ).fit(same_data.data, same_data.target, groups=same_data.groups)
    assert search.best_params_ == {"map_scoring__pool_fraction": 0.01}
    train, test = next(CV.split(same_data.data, same_data.target, same_data.groups))
    one = clone(search.estimator).set_params(**search.best_params_)
    groups = same_data.groups[train] if on else None
    one.fit(same_data.data[train], same_data.target[train], groups=groups)
    decision = one.score_samples(same_data.data[test])
    assert search.cv_results_["split0_test_score"].max() == pytest.approx(
        metric(same_data.target[test], decision)
    )


def test_the_pixel_scorer_is_the_metric_of_the_maps(fitted, same_data):
    X, masks = same_data.data, same_data.masks
    whole = anomaly_map_average_precision_score(masks, anomaly_map(fitted, X))
    assert anomaly_map_average_precision_scorer(fitted, X, masks=masks) == whole > 0.1
    assert anomaly_map_average_precision_scorer(fitted, X, same_data.target, masks=masks) == whole
    odd = np.flatnonzero(same_data.target == -1)[0]
    emptied = masks.copy()
    emptied[odd] = False  # a whole slice that is spoilt: its pixels say nothing
    rest = np.arange(len(X)) != odd
    expected = anomaly_map_average_precision_score(masks[rest], anomaly_map(fitted, X[rest]))
    found = anomaly_map_average_precision_scorer(fitted, X, same_data.target, masks=emptied)
    assert found == pytest.approx(expected)


@pytest.mark.usefixtures("routing")
def test_masks_reach_the_pixel_scorer_in_a_search_cut_to_the_split(same_data):
    pipe = make_pipeline(Resize(16), AtlasDetector())  # maps come back to the grid of the masks
    scoring = {"roc": decision_roc_auc_scorer, "pixel": anomaly_map_average_precision_scorer}
    search = GridSearchCV(
        pipe,
        {"atlasdetector__map_scoring__smoothing": [0.0, 1.0]},
        scoring=scoring,
        refit="pixel",
        cv=CV,
        error_score="raise",
    ).fit(same_data.data, same_data.target, groups=same_data.groups, masks=same_data.masks)
    train, test = next(CV.split(same_data.data, same_data.target, same_data.groups))
    one = clone(pipe).set_params(**search.best_params_)
    one.fit(same_data.data[train], same_data.target[train], groups=same_data.groups[train])
    expected = anomaly_map_average_precision_score(
        same_data.masks[test], anomaly_map(one, same_data.data[test])
    )
    assert search.cv_results_["split0_test_pixel"][search.best_index_] == pytest.approx(expected)
    # a fitted search is scored as well
    score = search.score(same_data.data, same_data.target, masks=same_data.masks)
    assert score > 0.1


@pytest.mark.usefixtures("routing")
@pytest.mark.filterwarnings("error::ctmri_detect.exceptions.PatientsUnknownWarning")
def test_masks_are_all_that_has_to_be_routed_where_pairs_know_their_patients(same_data):
    first, second = (
        GridSearchCV(
            AtlasDetector(), GRID, scoring=anomaly_map_average_precision_scorer, cv=CV,
            error_score="raise",
        ).fit(X, same_data.target, masks=same_data.masks, **groups)
        for X, groups in (
            (Pairs(same_data.data, groups=same_data.groups), {}),
            (same_data.data, {"groups": same_data.groups}),
        )
    )  # fmt: skip
    scores = (search.cv_results_["mean_test_score"] for search in (first, second))
    np.testing.assert_array_equal(*scores)
    assert first.best_estimator_.offset_ == second.best_estimator_.offset_


@pytest.mark.usefixtures("routing")
def test_cross_validation_without_a_grid(same_data):
    scores = cross_val_score(
        AtlasDetector(),
        same_data.data,
        same_data.target,
        scoring=anomaly_map_average_precision_scorer,
        cv=CV,
        params={"groups": same_data.groups, "masks": same_data.masks},
    )
    assert (scores > 0.1).all()


def test_what_the_pixel_scorer_can_not_score_says_what_to_do(fitted, same_data):
    X, y, masks = same_data.data, same_data.target, same_data.masks
    with pytest.raises(InvalidPairsError, match=r"enable_metadata_routing=True.*masks=masks"):
        anomaly_map_average_precision_scorer(fitted, X, y)
    with pytest.raises(InvalidPairsError, match="masks has shape"):
        anomaly_map_average_precision_scorer(fitted, X, y, masks=masks[1:])
    with pytest.raises(InvalidPairsError, match=r"expected \+1"):
        anomaly_map_average_precision_scorer(fitted, X, y == 1, masks=masks)
    with pytest.raises(InvalidPairsError, match="no lesion pixel"):
        anomaly_map_average_precision_scorer(fitted, X, y, masks=np.zeros_like(masks))


@pytest.mark.parametrize(
    "scorer",
    [
        decision_roc_auc_scorer,
        decision_average_precision_scorer,
        anomaly_map_average_precision_scorer,
    ],
)
def test_scorers_travel_to_other_processes(scorer, fitted, same_data):
    masks = {"masks": same_data.masks} if scorer is anomaly_map_average_precision_scorer else {}
    copy = pickle.loads(pickle.dumps(scorer))
    given = (fitted, same_data.data, same_data.target)
    assert copy(*given, **masks) == scorer(*given, **masks)


@pytest.mark.parametrize("scorer", [decision_roc_auc_scorer, anomaly_map_average_precision_scorer])
def test_a_search_with_a_scorer_is_saved_and_loaded(scorer, same_data, tmp_path):
    pytest.importorskip("skops")
    masks = {"masks": same_data.masks} if scorer is anomaly_map_average_precision_scorer else {}
    given = (same_data.data, same_data.target)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            AtlasDetector(), GRID, scoring=scorer, cv=LeaveOnePatientOut(), error_score="raise"
        ).fit(*given, groups=same_data.groups, **masks)
        save(search, tmp_path / "search.ctmri")
        again = load(tmp_path / "search.ctmri")
        assert again.score(*given, **masks) == search.score(*given, **masks)
        assert again.cv.normal_only
