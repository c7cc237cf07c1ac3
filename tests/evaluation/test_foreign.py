"""Laws of `as_detector`: one sign, one form, whatever is compared."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import OneClassSVM

from ctmri_detect import AtlasDetector, Pairs, anomaly_map
from ctmri_detect.evaluation import RowDetector, as_detector, decision_roc_auc_scorer
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.pipelines import decisions, has_threshold
from ctmri_detect.preprocessing import Resize

HEADS = make_heads(48, size=16)
PATIENT = np.arange(48) // 2
Y = np.where(np.arange(48) % 4 == 0, -1, 1)
ODD = np.stack([plant(x, 1, amount=3, at=(8, 8), radius=6)[0] for x in HEADS])
X = np.where((Y == -1)[:, None, None, None], ODD, HEADS)
TRAIN, TEST = Pairs(HEADS[:24], groups=PATIENT[:24]), Pairs(X[24:], groups=PATIENT[24:])


class Distance(BaseEstimator):
    """A user's own detector."""

    def fit(self, X, y=None):
        self.mean_ = np.nan_to_num(X).mean(axis=0)
        return self

    def decision_function(self, X):
        return -np.nanmean((np.asarray(X) - self.mean_) ** 2, axis=(1, 2, 3))


def brightest(X):
    """A map: pixels of the MRI above 0.4, which is bright for a head."""
    return np.nan_to_num(X[:, 1] - 0.4)


def high_is_anomalous(X):
    return np.nanmax(X[:, 1], axis=(1, 2))


def high_is_normal(X):
    return -high_is_anomalous(X)


def pyod(name, **settings):
    module = pytest.importorskip(f"pyod.models.{name.lower()}")
    return getattr(module, name)(**settings)


ROWS = {
    "forest": lambda: IsolationForest(n_estimators=20),
    "svm": lambda: OneClassSVM(gamma=1e-3),
    "factor": lambda: LocalOutlierFactor(n_neighbors=5, novelty=True),
    "covariance": LedoitWolf,
    "pyod forest": lambda: pyod("IForest", n_estimators=20),
    "pyod neighbours": lambda: pyod("KNN"),
    "components": lambda: make_pipeline(StandardScaler(), PCA(5), IsolationForest(n_estimators=20)),
    "pairs first": lambda: make_pipeline(
        Resize(16), StandardScaler(), IsolationForest(n_estimators=20)
    ),
    "pyod last": lambda: make_pipeline(
        Resize(16), make_pipeline(PCA(5), pyod("IForest", n_estimators=20))
    ),
}
FUNCTIONS = {
    "decision": high_is_normal,
    "anomaly_score": high_is_anomalous,
    "anomaly_map": brightest,
}


def seeded(thing):
    detector = as_detector(thing)
    seeds = [name for name in detector.get_params() if name.endswith("random_state")]
    return detector.set_params(**dict.fromkeys(seeds, 3))


@pytest.mark.parametrize("make", ROWS.values(), ids=ROWS)
def test_detectors_of_rows_rank_an_obvious_anomaly_lowest(make):
    detector = seeded(make()).fit(TRAIN)
    decision = decisions(detector, TEST)
    assert decision.shape == (24,)
    assert decision_roc_auc_score(Y[24:], decision) > 0.95
    assert not has_threshold(detector)


@pytest.mark.parametrize("make", ROWS.values(), ids=ROWS)
def test_a_clone_learns_the_same_again_from_the_same_seed(make):
    one, two = (clone(seeded(make())).fit(TRAIN).decision_function(TEST) for _ in range(2))
    assert_array_equal(one, two)


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()
    as_detector(make_pipeline(PCA(3, svd_solver="randomized"), IsolationForest())).fit(TRAIN)
    assert_array_equal(np.random.get_state()[1], before)


def test_what_was_not_observed_is_filled_with_the_mean_of_training():
    values = np.random.default_rng(0).normal(3, 1, size=(20, 2, 4, 4))
    values[:, 0, 0, 0] = np.nan  # never observed: the same in all, so it tells nothing
    detector = as_detector(LedoitWolf()).fit(values)
    gap, filled = values[:2].copy(), values[:2].copy()
    gap[:, 1], filled[:, 1] = np.nan, values[:, 1].mean(axis=0)
    assert_allclose(detector.decision_function(gap), detector.decision_function(filled), rtol=1e-4)


def test_samples_labelled_anomalous_do_not_train():
    detector = as_detector(IsolationForest(n_estimators=20, random_state=0))
    own = clone(detector).fit(X, Y).decision_function(TEST)
    assert_array_equal(own, clone(detector).fit(X[Y == 1]).decision_function(TEST))
    assert not np.array_equal(own, clone(detector).fit(X).decision_function(TEST))


def test_a_score_that_depends_on_other_samples_is_refused():
    with pytest.raises(ValueError, match="ECOD depend on the other samples"):
        as_detector(make_pipeline(PCA(3), pyod("ECOD"))).fit(TRAIN)


def test_a_search_goes_around():
    search = GridSearchCV(
        as_detector(IsolationForest(n_estimators=20, random_state=0)),
        {"estimator__n_estimators": [5, 20]},
        scoring=decision_roc_auc_scorer,
        cv=NormalOnlyGroupKFold(2),
        error_score="raise",
    )
    assert as_detector(search) is search
    pairs = Pairs(X, groups=PATIENT)
    assert search.fit(pairs, Y).decision_function(pairs).shape == (48,)


def test_another_grid_is_refused():
    detector = as_detector(IsolationForest()).fit(HEADS[:, :, :, :8])
    with pytest.raises(InvalidPairsError, match=r"\(2, 8, 16\); the detector .* on \(2, 16, 8\)"):
        detector.decision_function(HEADS[:, :, :8])


@pytest.mark.parametrize(
    "thing",
    [
        AtlasDetector(),
        make_pipeline(Resize(16), AtlasDetector()),
        GridSearchCV(AtlasDetector(), {"map_scoring__clip": [3.0]}, scoring="roc_auc"),
        GridSearchCV(make_pipeline(Resize(16), Distance()), {}, scoring=decision_roc_auc_scorer),
        Distance(),
        make_pipeline(FunctionTransformer(), Distance()),
        RowDetector(IsolationForest()),
        FrozenEstimator(AtlasDetector().fit(TRAIN)),
        make_pipeline(Resize(16), FrozenEstimator(Distance().fit(TRAIN))),
    ],
)
def test_what_takes_pairs_stays_as_it_is(thing):
    assert as_detector(thing) is thing


@pytest.mark.parametrize("thing", [IsolationForest(n_estimators=20), Distance(), AtlasDetector()])
def test_a_frozen_model_is_not_fitted_again(thing):
    model = as_detector(FrozenEstimator(as_detector(thing).fit(TRAIN)))
    before = decisions(model, TEST)
    assert_array_equal(decisions(clone(model).fit(Pairs(2 * X, groups=PATIENT), Y), TEST), before)


@pytest.mark.parametrize(("gives", "function"), FUNCTIONS.items())
def test_a_function_ranks_as_it_says(gives, function):
    detector = as_detector(function, gives=gives).fit(TRAIN)
    decision = decisions(detector, TEST)
    assert decision_roc_auc_score(Y[24:], decision) == 1
    assert has_threshold(detector) == (gives == "decision")
    for same in (clone(detector), pickle.loads(pickle.dumps(detector))):
        assert_array_equal(same.decision_function(TEST), decision)
    assert hasattr(detector, "anomaly_map") == (gives == "anomaly_map")


def test_a_clone_shares_what_can_not_be_copied():
    class Session:
        def __call__(self, X):
            return high_is_normal(X)

        def __deepcopy__(self, memo):
            raise TypeError("open session")

    detector = as_detector(Session(), gives="decision")
    assert_array_equal(clone(detector).decision_function(TEST), detector.decision_function(TEST))


def test_a_map_is_pooled_over_its_largest_half_percent():
    maps = np.random.default_rng(0).normal(size=(3, 40, 50))
    detector = as_detector(lambda X: maps, gives="anomaly_map")
    largest = np.sort(maps.reshape(3, -1))[:, -10:].mean(axis=1)
    assert_allclose(detector.decision_function(np.zeros((3, 2, 40, 50))), -largest, rtol=1e-6)


def test_maps_lie_where_something_was_observed():
    maps = anomaly_map(as_detector(brightest, gives="anomaly_map"), TEST)
    assert maps.dtype == np.float32
    assert_array_equal(np.isnan(maps), np.isnan(X[24:]).all(axis=1))
    pair = X[24:26].copy()
    pair[0, 0] = np.nan  # the MRI is still there
    assert_array_equal(
        np.isnan(as_detector(brightest, gives="anomaly_map").anomaly_map(pair)),
        np.isnan(X[24:26, 1]),
    )


def test_a_map_that_knows_what_was_observed_stays_as_it_is():
    def turned(X):
        return np.abs(X[:, 1]).swapaxes(1, 2)

    detector = as_detector(turned, gives="anomaly_map")
    assert_array_equal(detector.anomaly_map(TEST), turned(X[24:]))


def test_maps_walk_back_through_a_pipeline():
    detector = as_detector(brightest, gives="anomaly_map")
    pipe = make_pipeline(Resize(8), FrozenEstimator(detector)).fit(TRAIN)
    assert anomaly_map(pipe, TEST).shape == (24, 16, 16)


def test_a_function_can_not_change_the_samples():
    def greedy(X):
        X[:] = 0
        return np.zeros(len(X))

    pairs = X.copy()
    as_detector(greedy, gives="decision").decision_function(pairs)
    assert_array_equal(pairs, X)


@pytest.mark.parametrize(
    ("gives", "returned", "match"),
    [
        ("decision", np.zeros((3, 1)), r"shape \(3, 1\); expected .* \(3,\).*values\[:, 0\]"),
        ("decision", np.zeros(2), r"shape \(2,\); expected numbers of shape \(3,\)"),
        ("decision", None, r"object of shape \(\)"),
        ("decision", ["a", "b", "c"], "expected numbers"),
        ("decision", (np.zeros(3), np.zeros((3, 4, 4))), "expected numbers"),
        ("decision", [0, np.nan, np.inf], "NaN or infinity for samples 1, 2;"),
        ("anomaly_score", [0, -np.inf, 1], "NaN or infinity for samples 1;"),
        ("anomaly_map", np.zeros(3), r"shape \(3,\); expected numbers of shape \(3, 4, 5\)"),
        ("anomaly_map", np.zeros((3, 5, 4)), r"shape \(3, 5, 4\)"),
        ("anomaly_map", np.zeros((3, 1, 4, 5)), r"values\[:, 0\]"),
        ("anomaly_map", np.full((3, 4, 5), np.inf), "infinity, or nothing but NaN, .* 0, 1, 2;"),
        ("anomaly_map", np.full((3, 4, 5), np.nan), "nothing but NaN"),
    ],
)
def test_a_function_that_breaks_its_word_is_told_so(gives, returned, match):
    detector = as_detector(lambda X: returned, gives=gives)
    with pytest.raises(InvalidPairsError, match=match):
        detector.decision_function(np.zeros((3, 2, 4, 5)))


def test_a_function_has_to_say_what_it_gives():
    with pytest.raises(TypeError, match=r"high_is_normal.*decision.*anomaly_score.*anomaly_map"):
        as_detector(high_is_normal)
    with pytest.raises(ValueError, match="gives is 'map'; expected 'decision', 'anomaly_score'"):
        as_detector(brightest, gives="map")


@pytest.mark.parametrize(
    ("thing", "match"),
    [
        ("atlas", "str has no fit, decision_function"),
        (None, "NoneType has no fit"),
        (AtlasDetector, r"AtlasDetector is a class; expected an object: AtlasDetector\(...\)"),
        (StandardScaler(), "estimator is StandardScaler"),
        (LogisticRegression(), "estimator is LogisticRegression"),
        (LocalOutlierFactor(), r"LocalOutlierFactor\(novelty=True\)"),
        (FrozenEstimator(IsolationForest()), r"FrozenEstimator\(as_detector\(IsolationForest\(\)"),
        (GridSearchCV(IsolationForest(), {}), r"GridSearchCV\(as_detector\(IsolationForest\(\)"),
        (make_pipeline(Resize(8), FrozenEstimator(IsolationForest())), "inside FrozenEst"),
        (make_pipeline(Resize(8), StandardScaler()), "estimator is Pipeline"),
        (make_pipeline(Resize(8)), "Pipeline has no decision_function"),
    ],
)
def test_anything_else_is_refused_with_what_is_accepted(thing, match):
    with pytest.raises(TypeError, match=match):
        as_detector(thing)


def test_gives_is_for_functions():
    with pytest.raises(TypeError, match="but thing is AtlasDetector; expected a function"):
        as_detector(AtlasDetector(), gives="decision")


def test_an_object_that_can_not_be_cloned_is_told_how():
    class Bare:
        def fit(self, X, y=None):
            return self

        def decision_function(self, X):
            return np.zeros(len(X))

    with pytest.raises(TypeError, match=r"Bare has no get_params.*BaseEstimator"):
        as_detector(Bare())


def test_an_unfitted_one_says_so():
    with pytest.raises(NotFittedError):
        as_detector(IsolationForest()).decision_function(TEST)
