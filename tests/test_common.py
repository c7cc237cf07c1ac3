"""Net three: the library's own checks, for every detector alike."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
from detector_list import DETECTORS
from heads import make_heads, plant
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from ctmri_detect import MapScoring, anomaly_map
from ctmri_detect.base import PairedTags
from ctmri_detect.evaluation import image_roc_auc_scorer
from ctmri_detect.exceptions import InvalidPairsError, MissingModalityError
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import MRIScaler

pytestmark = pytest.mark.parametrize("name", DETECTORS)

TRAIN = make_heads(24, seed=1)
PATIENTS = np.repeat([f"p{i}" for i in range(8)], 3)
TEST = make_heads(5, seed=2)
VERBS = ("residual_map", "anomaly_map", "score_samples", "decision_function", "predict")
_FITTED = {}


@pytest.fixture
def fitted(name):
    if name not in _FITTED:
        _FITTED[name] = clone(DETECTORS[name]).fit(TRAIN, groups=PATIENTS)
    return _FITTED[name]


def mean_score(estimator, X, y=None):
    return estimator.score_samples(X).mean()


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_shapes_dtypes_and_where_maps_are_finite(fitted):
    n, height, width = len(TEST), *TEST.shape[2:]
    residual, maps = fitted.residual_map(TEST), fitted.anomaly_map(TEST)
    assert residual.shape == TEST.shape
    assert residual.dtype == maps.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(residual), np.isnan(TEST))
    assert maps.shape == (n, height, width)
    np.testing.assert_array_equal(np.isnan(maps), np.isnan(TEST).all(axis=1))
    assert np.nanmin(maps) >= 0
    scores = fitted.score_samples(TEST)
    assert scores.shape == (n,)
    assert scores.dtype == np.float64
    decision = fitted.decision_function(TEST)
    np.testing.assert_array_equal(decision, scores - fitted.offset_)
    predicted = fitted.predict(TEST)
    assert predicted.dtype.kind == "i"
    np.testing.assert_array_equal(predicted, np.where(decision < 0, -1, 1))


def test_unfitted_and_wrong_input(name, fitted):
    for verb in (*VERBS, "explain"):
        with pytest.raises(NotFittedError):
            getattr(clone(DETECTORS[name]), verb)(TEST)
    with pytest.raises(InvalidPairsError, match=r"\(5, 32, 32\).*np\.stack"):
        fitted.score_samples(TEST[:, 0])
    with pytest.raises(InvalidPairsError, match="fitted on"):
        fitted.score_samples(make_heads(2, size=40))
    infinite = TEST.copy()
    infinite[3, 0, 16, 16] = np.inf
    with pytest.raises(InvalidPairsError, match="samples 3"):
        fitted.anomaly_map(infinite)


def test_order_company_and_batch_do_not_matter(fitted):
    many = np.concatenate([TEST, TRAIN[:14]])
    order = np.random.default_rng(0).permutation(len(many))
    for verb in ("anomaly_map", "score_samples"):
        whole = getattr(fitted, verb)(many)
        close(getattr(fitted, verb)(many[order]), whole[order])
        close(getattr(fitted, verb)(many[3:4]), whole[3:4])


def test_read_only_memmap_is_read_and_left_alone(name, fitted, tmp_path):
    path = tmp_path / "pairs.npy"
    np.save(path, TRAIN)
    pairs = np.load(path, mmap_mode="r")
    again = clone(DETECTORS[name]).fit(pairs, groups=PATIENTS)
    close(again.score_samples(TEST), fitted.score_samples(TEST))
    np.testing.assert_array_equal(np.load(path), TRAIN)


def test_float64_and_float32_agree(fitted):
    close(fitted.anomaly_map(TEST.astype(np.float64)), fitted.anomaly_map(TEST))


def test_global_generators_are_left_as_they_were(name):
    torch = pytest.importorskip("torch")
    before = np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state()
    clone(DETECTORS[name]).fit(TRAIN, groups=PATIENTS).score_samples(TEST)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert random.getstate() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_a_second_fit_equals_a_fresh_one(name, fitted):
    used = clone(DETECTORS[name]).fit(make_heads(10, seed=5))
    close(used.fit(TRAIN, groups=PATIENTS).anomaly_map(TEST), fitted.anomaly_map(TEST))


def test_pickle_and_save_give_equal_maps(fitted, tmp_path):
    expected, scores = fitted.anomaly_map(TEST), fitted.score_samples(TEST)
    save(fitted, tmp_path / "model.ctmri")
    for copy in (pickle.loads(pickle.dumps(fitted)), load(tmp_path / "model.ctmri")):
        np.testing.assert_array_equal(copy.anomaly_map(TEST), expected)
        np.testing.assert_array_equal(copy.score_samples(TEST), scores)
        assert copy.offset_ == fitted.offset_


def test_a_planted_lesion_is_hotter_than_its_surroundings(name):
    if not get_tags(DETECTORS[name]).localizes:
        pytest.skip("says nothing about where")
    heads = make_heads(25, size=64, seed=3)  # deep features have cells of 8 pixels
    detector = clone(DETECTORS[name]).fit(heads[1:], groups=PATIENTS)
    pair, disc = plant(heads[0], 1, amount=1.2, at=(32, 18), radius=7)
    heat = detector.anomaly_map(pair[None])[0]
    seen = ~np.isnan(heat)
    assert heat[disc & seen].mean() > 1.5 * heat[~disc & seen].mean()
    assert detector.score_samples(pair[None])[0] < detector.score_samples(heads[:1])[0]


def test_localisation_through_a_pipeline(name):
    raw = TRAIN * np.float32(7) + np.float32(3)
    pipe = make_pipeline(MRIScaler(), clone(DETECTORS[name])).fit(raw)
    close(anomaly_map(pipe, raw[:2]), pipe[-1].anomaly_map(pipe[:-1].transform(raw[:2])))


def test_missing_modality_is_as_the_tag_says(fitted):
    tags = get_tags(fitted)
    assert isinstance(tags, PairedTags)
    half = TEST.copy()
    half[2, 1] = np.nan
    if not tags.missing_modality:
        with pytest.raises(MissingModalityError, match=r"2 \(MRI\)"):
            fitted.score_samples(half)
        return
    maps = fitted.anomaly_map(half)
    np.testing.assert_array_equal(np.isnan(maps[2]), np.isnan(half[2, 0]))
    assert np.isfinite(fitted.score_samples(half)).all()
    close(np.delete(maps, 2, axis=0), np.delete(fitted.anomaly_map(TEST), 2, axis=0))


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("grouped", [True, False])
def test_grid_search_reaches_the_scoring(name, labelled, grouped):
    y = np.where(np.arange(len(TRAIN)) % 5 == 0, -1, 1)
    X = TRAIN.copy()
    for i in np.flatnonzero(y == -1):
        X[i] = plant(X[i], 1, amount=1.2, at=(16, 9), radius=4)[0]
    search = GridSearchCV(
        clone(DETECTORS[name]),
        {"map_scoring__pool_fraction": [0.01, 0.1]},
        scoring=image_roc_auc_scorer if labelled else mean_score,
        cv=NormalOnlyGroupKFold(2) if grouped else 2,
        error_score="raise",
    )
    groups = {"groups": PATIENTS} if grouped else {}
    search.fit(X, y if labelled else None, **groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    chosen = search.best_params_["map_scoring__pool_fraction"]
    assert search.best_estimator_.map_scoring_.pool_fraction == chosen
    if labelled:
        assert search.best_estimator_.n_samples_fit_ == (y == 1).sum()


def test_parameters_of_defaults_are_reached(name):
    detector = clone(DETECTORS[name]).set_params(map_scoring=None, map_scoring__clip=3.0)
    assert detector.map_scoring.clip == 3.0
    assert DETECTORS[name].map_scoring is None or DETECTORS[name].map_scoring.clip != 3.0
    if "training" in detector.get_params(deep=False):
        detector.set_params(training=None, training__max_epochs=1)
        assert detector.training.max_epochs == 1
        assert detector.fit(TRAIN[:9], groups=PATIENTS[:9]).offset_ <= 0


def test_rescore_changes_the_threshold_and_not_the_model(name, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    copy.rescore(false_positive_rate=0.5)
    assert copy.offset_ > fitted.offset_
    np.testing.assert_array_equal(copy.residual_map(TEST), fitted.residual_map(TEST))
    fresh = clone(DETECTORS[name])
    default = fresh._default_map_scoring() if fresh.map_scoring is None else fresh.map_scoring
    fresh.map_scoring = clone(default).set_params(pool_fraction=0.2)
    fresh.fit(TRAIN, groups=PATIENTS)
    copy = pickle.loads(pickle.dumps(fitted)).rescore(pool_fraction=0.2)
    close(copy.score_samples(TEST), fresh.score_samples(TEST))


def test_labels_leave_the_anomalous_out_of_training(name):
    y = np.where(np.arange(len(TRAIN)) < 20, 1, -1)
    wild = TRAIN.copy()
    wild[20:] += np.float32(50)
    kept = clone(DETECTORS[name]).fit(wild, y)
    only = clone(DETECTORS[name]).fit(wild[:20])
    assert kept.n_samples_fit_ == only.n_samples_fit_ == 20


def test_map_scoring_given_by_the_user_is_left_unfitted(name):
    scoring = MapScoring(symmetry=False)
    detector = clone(DETECTORS[name]).set_params(map_scoring=scoring)
    detector.fit(TRAIN[:12])
    assert not hasattr(scoring, "offset_")
    assert detector.map_scoring_.symmetry is False
