"""Several detectors as one: laws of `EnsembleDetector`."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ctmri_detect import (
    AtlasDetector,
    CrossModalDetector,
    EnsembleDetector,
    MapScoring,
    Pairs,
    PatchMemoryDetector,
    ThresholdDetector,
    anomaly_map,
    explain,
    make_detector,
)
from ctmri_detect.exceptions import InvalidPairsError, TrainingDataWarning
from ctmri_detect.features import FilterBankFeatures
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import CropOrPad
from ctmri_detect.scoring.evidence import pool_top
from ctmri_detect.scoring.fusion import Rarity
from ctmri_detect.testing import make_heads

PATIENTS = np.array([f"p{i // 3:02d}" for i in range(60)])
TRAIN = Pairs(make_heads(60, seed=1), groups=PATIENTS)
NEW = make_heads(12, seed=2)
ODD = NEW.copy()
ODD[:6, :, 14:19, 10:15] += 3


def members():
    return [AtlasDetector(), CrossModalDetector(pixels_per_slice=64, random_state=0)]


@pytest.fixture(scope="module")
def both():
    return EnsembleDetector(members()).fit(TRAIN)


@pytest.fixture(scope="module")
def alone():
    return [detector.fit(TRAIN) for detector in members()]


def test_evidence_is_the_mean_of_the_members_evidence(both, alone):
    expected = np.mean([detector.anomaly_map(ODD) ** 2 for detector in alone], axis=0)
    assert_allclose(both.anomaly_map(ODD) ** 2, expected, rtol=1e-4, atol=1e-4)


def test_one_member_is_scored_as_by_itself(alone):
    one = EnsembleDetector([AtlasDetector()]).fit(TRAIN)
    assert_allclose(one.score_samples(ODD), alone[0].score_samples(ODD), rtol=1e-5)
    assert_allclose(one.offset_, alone[0].offset_, rtol=2e-3)  # kept as float16
    assert_allclose(one.z_maps(ODD), alone[0].z_maps(ODD), atol=1e-4)


def test_weights_and_fusion_mean_what_they_say(alone):
    a, b = (detector.anomaly_map(ODD) ** 2 for detector in alone)
    weighted = EnsembleDetector(members(), weights=[1, 3]).fit(TRAIN)
    assert_allclose(weighted.anomaly_map(ODD) ** 2, (a + 3 * b) / 4, rtol=1e-4, atol=1e-4)
    largest = weighted.rescore(weights="equal", fusion="max")
    assert_allclose(largest.anomaly_map(ODD) ** 2, np.maximum(a, b), rtol=1e-4, atol=1e-4)


def test_calibrated_members_are_as_loud_in_healthy_slices():
    fitted = EnsembleDetector([*members(), ThresholdDetector()], weights="calibrated").fit(TRAIN)
    scoring = fitted.map_scoring_
    healthy = scoring.healthy_
    whole = healthy.evidence[healthy.seen.all(axis=1)].astype(np.float32)
    loud = [pool_top(whole[:, m], 0.005).mean() for m in range(3)]
    assert_allclose(scoring.weights_ * loud, (scoring.weights_ * loud).mean(), rtol=1e-3)


def test_rarity_does_not_depend_on_the_unit_and_keeps_the_order():
    healthy = np.random.default_rng(0).gamma(2, size=(20, 16, 16)).astype(np.float32)
    new = np.linspace(0, 40, 50, dtype=np.float32)
    found = Rarity(healthy).of(new)
    assert_allclose(Rarity(7 * healthy).of(7 * new), found, rtol=1e-4)
    assert (np.diff(found) > 0).all()
    share = (healthy > new[10]).mean()
    assert_allclose(found[10], -2 * np.log(share), rtol=0.05)


def test_quantile_finds_what_is_rare():
    both = EnsembleDetector([AtlasDetector(), ThresholdDetector()], fusion="quantile").fit(TRAIN)
    assert both.score_samples(ODD[:6]).max() < np.median(both.score_samples(NEW[6:]))


@pytest.mark.parametrize("weights", ["equal", "calibrated"])
def test_healthy_slices_are_flagged_as_often_as_promised(weights):
    fitted = EnsembleDetector(members(), weights=weights, false_positive_rate=0.2).fit(TRAIN)
    flagged = (fitted.predict(make_heads(200, seed=9)) == -1).mean()
    assert 0.05 < flagged < 0.4
    assert_array_equal(fitted.predict(ODD) == -1, fitted.p_values(ODD) <= 0.2)


def test_members_are_fitted_no_more_often_than_alone(monkeypatch):
    fits = []
    plain = AtlasDetector._fit

    def counting(self, X):
        fits.append(len(X))
        plain(self, X)

    monkeypatch.setattr(AtlasDetector, "_fit", counting)
    AtlasDetector().fit(TRAIN)
    alone, fits[:] = list(fits), []
    EnsembleDetector([AtlasDetector(), ThresholdDetector()]).fit(TRAIN)
    assert fits == alone


def test_a_fitted_member_stays_as_it_is_and_the_threshold_stands_on_others():
    fitted = AtlasDetector().fit(TRAIN[:30])
    before = pickle.dumps(fitted)
    both = EnsembleDetector([FrozenEstimator(fitted), ThresholdDetector()]).fit(TRAIN)
    assert both.members_[0] is fitted
    assert pickle.dumps(fitted) == before
    owners = set(both.map_scoring_.calibration_groups_)
    others = both.fingerprints_.codes_of(PATIENTS[30:])
    assert owners == set(both.fingerprints_.of_members(others)[1])


def test_slices_that_a_fitted_member_saw_are_named():
    fitted = AtlasDetector().fit(TRAIN[:30])
    both = EnsembleDetector([FrozenEstimator(fitted), CrossModalDetector(random_state=0)])
    both.fit(TRAIN[30:])
    assert both.seen_in_fit(TRAIN).all()
    with pytest.warns(TrainingDataWarning, match="30 of the 30 samples"):
        both.score_samples(TRAIN[:30])


def test_a_fitted_member_compares_no_slice_with_its_own_patient():
    fitted = AtlasDetector().fit(TRAIN[:30])
    both = EnsembleDetector([FrozenEstimator(fitted)]).fit(TRAIN[30:])
    assert_allclose(both.anomaly_map(TRAIN[:6]), fitted.anomaly_map(TRAIN[:6]), atol=1e-4)


def test_a_memory_does_not_remember_the_own_patient():
    """New slices of a patient who was trained on: the member is told whose they are."""
    X, new = np.array(TRAIN), make_heads(3, seed=5)
    for heads in (X[57:], new):
        heads[:, 1, 14:20, 10:16] += 2
    memory = PatchMemoryDetector(features=FilterBankFeatures(), conditioning=False, random_state=0)
    both = EnsembleDetector([memory]).fit(Pairs(X, groups=PATIENTS))
    alone = clone(memory).fit(Pairs(X, groups=PATIENTS))
    named = Pairs(new, groups=PATIENTS[57:])
    assert_allclose(both.anomaly_map(named), alone.anomaly_map(named), atol=1e-4)
    assert not np.allclose(alone.residual_map(named), alone.residual_map(new), equal_nan=True)


def test_nothing_left_for_a_threshold_is_an_error():
    fitted = AtlasDetector().fit(TRAIN)
    with pytest.raises(InvalidPairsError, match="patients that no fitted detector has seen"):
        EnsembleDetector([FrozenEstimator(fitted)]).fit(TRAIN)


def test_a_missing_plane_is_scored_by_those_who_can():
    both = EnsembleDetector([AtlasDetector(), Needy()], false_positive_rate=0.1).fit(TRAIN)
    ct = ODD.copy()
    ct[:, 1] = np.nan
    alone = AtlasDetector().fit(TRAIN)
    assert_allclose(both.anomaly_map(ct), alone.anomaly_map(ct), atol=1e-4)
    mixed = np.concatenate([ct[:5], ODD[5:]])
    assert_allclose(both.score_samples(mixed)[5:], both.score_samples(ODD)[5:])
    shares = both.explain(ct).members
    assert shares.loc[shares["member"] == "needy", "share"].isna().all()
    healthy = make_heads(100, seed=4)
    healthy[:, 1] = np.nan
    assert (both.predict(healthy) == -1).mean() < 0.3


class Needy(AtlasDetector):
    """An atlas that wants all planes."""

    @property
    def traits(self):
        return replace(AtlasDetector.traits, missing_modality=False)


def test_training_slices_without_a_plane_train_those_who_can():
    X = np.array(TRAIN)
    X[:9, 0] = np.nan
    both = EnsembleDetector([AtlasDetector(), Needy()]).fit(Pairs(X, groups=PATIENTS))
    assert [member.n_samples_fit_ for member in both.members_] == [60, 51]


def test_explain_names_the_member():
    """The threshold sees bright pixels alone; what is dark is the atlas's."""
    both = EnsembleDetector([("bright", ThresholdDetector()), ("atlas", AtlasDetector())])
    both.fit(TRAIN)
    dark = NEW[:2].copy()
    dark[:, 1, 14:19, 10:15] -= 3
    found = both.explain(dark)
    shares = found.members.pivot_table(index="sample", columns="member", values="share")
    assert_allclose(shares.sum(axis=1), 1)
    assert (shares["atlas"] > shares["bright"]).all()
    first = found.regions[found.regions["region"] == 1]
    assert first["member"].tolist() == ["atlas", "atlas"]


def test_explain_names_the_member_at_the_end_of_a_pipeline():
    """What is dark is the atlas's; 8 px further, as the Pipeline crops, lies something bright."""
    two = [("bright", ThresholdDetector()), ("atlas", AtlasDetector())]
    both = EnsembleDetector(two, weights=(9, 1)).fit(TRAIN)
    odd = NEW[:1].copy()
    odd[:, 1, 8:13, 8:13] -= 1
    odd[:, 1, 16:21, 16:21] += 1
    own = both.explain(odd)
    wide = np.pad(odd, ((0, 0), (0, 0), (8, 8), (8, 8)), constant_values=np.nan)
    found = explain(make_pipeline(CropOrPad(32), both), wide)
    assert found.members.equals(own.members)
    assert own.regions["member"].nunique() == 2
    assert_allclose(found.regions[["y", "x"]], own.regions[["y", "x"]] + 8)
    assert found.regions["member"].equals(own.regions["member"])


def test_parameters_of_members_by_name():
    named = EnsembleDetector([("a", AtlasDetector()), ("t", ThresholdDetector())])
    copy = clone(named).set_params(a__map_scoring__clip=3.0, t=AtlasDetector(), fusion="max")
    assert copy.get_params()["a__map_scoring__clip"] == 3.0
    assert isinstance(copy.get_params()["t"], AtlasDetector)
    assert named.get_params()["a"].map_scoring is None
    auto = EnsembleDetector([AtlasDetector(), AtlasDetector()])
    auto.set_params(**{"atlasdetector-2__map_scoring__clip": 5.0})
    assert auto.detectors[1].map_scoring.clip == 5.0


def test_in_a_search():
    y = np.ones(60, int)
    X = np.array(TRAIN)
    y[::6] = -1
    X[::6, :, 14:19, 10:15] += 3
    ensemble = EnsembleDetector(members())
    search = GridSearchCV(
        ensemble,
        {"weights": ["equal", [1, 9]]},
        scoring=lambda d, X, y: float(d.score_samples(X)[np.asarray(y) == 1].mean()),
        cv=NormalOnlyGroupKFold(2),
        error_score="raise",
    )
    search.fit(Pairs(X, groups=PATIENTS), y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_maps_walk_back_through_a_pipeline(both):
    model = make_pipeline(FunctionTransformer(), EnsembleDetector(members())).fit(TRAIN)
    assert anomaly_map(model, ODD).shape == (12, 32, 32)
    assert_allclose(model.score_samples(ODD), both.score_samples(ODD), rtol=1e-6)


def test_a_member_without_a_bound_leaves_finite_scores():
    wild = FrozenEstimator(AtlasDetector(map_scoring=MapScoring(clip=np.inf)).fit(TRAIN[:30]))
    X = np.array(TRAIN[30:])
    X[:, 0, 12:18, 12:18] = 1e6
    both = EnsembleDetector([wild, ThresholdDetector()]).fit(Pairs(X, groups=PATIENTS[30:]))
    assert np.isfinite(both.map_scoring_.calibration_scores_).all()
    assert np.isfinite(both.rescore(pool_fraction=0.1).offset_)


def test_random_members_repeat():
    def make():
        return EnsembleDetector(
            [CrossModalDetector(pixels_per_slice=64), AtlasDetector()], random_state=3
        ).fit(TRAIN)

    one, two = make(), make()
    assert_array_equal(one.anomaly_map(ODD), two.anomaly_map(ODD))
    assert one.detectors[0].random_state is None


@pytest.mark.parametrize(
    ("detectors", "message"),
    [
        ([], "a list of detectors"),
        ([AtlasDetector], "a list of detectors"),
        ([("a", AtlasDetector()), ("a", AtlasDetector())], "different names"),
        ([("a__b", AtlasDetector())], "without '__'"),
        ([EnsembleDetector([AtlasDetector()])], "no ensembles"),
    ],
    ids=["empty", "class", "twice", "underscores", "ensemble"],
)
def test_what_is_no_list_of_detectors_is_refused(detectors, message):
    with pytest.raises(ValueError, match=message):
        EnsembleDetector(detectors).fit(TRAIN)


def test_wrong_weights_are_refused_before_they_matter():
    with pytest.raises(ValueError, match="weights has 3 numbers for 2 detectors"):
        EnsembleDetector(members(), weights=[1, 1, 1]).fit(TRAIN)
    with pytest.raises(ValueError, match="above 0"):
        EnsembleDetector(members(), weights=[1, 0]).fit(TRAIN)


def test_another_rate_changes_no_score(both):
    copy = pickle.loads(pickle.dumps(both))
    scores = copy.score_samples(ODD)
    copy.rescore(false_positive_rate=0.3)
    assert copy.offset_ > both.offset_
    assert_array_equal(copy.score_samples(ODD), scores)


def test_saved_and_loaded(both, tmp_path):
    save(both, tmp_path / "model.ctmri")
    again = load(tmp_path / "model.ctmri")
    assert_array_equal(again.score_samples(ODD), both.score_samples(ODD))


@pytest.mark.parametrize("preset", ["fast", "balanced", "best"])
def test_presets_take_device_and_seed(preset):
    made = make_detector(preset, device="cpu", random_state=4)
    parameters = made.get_params()
    assert parameters["random_state"] == 4
    assert {v for k, v in parameters.items() if k.split("__")[-1] == "device"} == {"cpu"}


def test_an_unknown_preset_is_named():
    with pytest.raises(ValueError, match=r"preset is 'quick'; expected .*fast.*balanced.*best"):
        make_detector("quick")
