"""Laws of decisions for patients: one error rate a patient, and when it holds."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import false_discovery_control
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, EnsembleDetector, MapScoring, Pairs, ThresholdDetector
from ctmri_detect.evaluation import (
    decision_roc_auc_scorer,
    patient_predict,
    patient_predict_scores,
    patient_scores,
)
from ctmri_detect.exceptions import (
    InvalidPairsError,
    PatientsUnknownWarning,
    ThresholdWarning,
    TrainingDataWarning,
)
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.preprocessing import Resize
from ctmri_detect.scoring import conformal_offset

EACH = 4  # slices of a patient


def scans(n_patients, seed, name, each=EACH):
    """Noise, slice by slice and patient by patient."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_patients * each, 2, 12, 12)).astype(np.float32)
    return Pairs(X, groups=[f"{name} {i // each:03d}" for i in range(len(X))])


TRAIN, OWN, NEW = scans(24, 0, "train"), scans(39, 1, "own"), scans(12, 2, "new")
FITTED = AtlasDetector().fit(TRAIN)


def fitted():
    """A copy that may be changed."""
    return pickle.loads(pickle.dumps(FITTED))


def highest(scores, share):
    """Mean of the highest anomaly scores."""
    kept = np.sort(scores)[::-1][: max(1, int(np.ceil(share * len(scores))))]
    return kept.mean()


# the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aggregation", "share"), [("max", 0), ("highest_share", 0.2), ("mean", 1)]
)
def test_the_p_value_counts_healthy_patients_that_score_as_high(aggregation, share):
    detector = fitted().recalibrate(OWN)
    found = patient_predict(detector, NEW, aggregation=aggregation)
    new, own = (-detector.score_samples(X) for X in (NEW, OWN))
    of_own = [highest(own[name == OWN.groups], share) for name in np.unique(OWN.groups)]
    for row in found.itertuples():
        score = highest(new[NEW.groups == row.patient], share)
        assert row.anomaly_score == pytest.approx(score)
        assert row.p_value == (1 + np.sum(np.array(of_own) >= score)) / 40
        rows = np.flatnonzero(NEW.groups == row.patient)
        assert (row.n_slices, row.strongest_row) == (EACH, rows[new[rows].argmax()])
    assert found["patient"].tolist() == patient_scores(-new, NEW.groups)["patient"].tolist()
    assert_array_equal(found["prediction"], np.where(found["p_value"] <= 0.05, -1, 1))
    assert_array_equal(found["q_value"], false_discovery_control(found["p_value"]))
    assert found.attrs["n_calibration_patients"] == 39
    assert found.attrs["calibration_slices"] == EACH


def test_scores_alone_are_enough_and_the_order_of_slices_does_not_matter():
    detector = fitted().recalibrate(OWN)
    found = patient_predict(detector, NEW)
    scores = -detector.score_samples(NEW)
    assert found.equals(patient_predict_scores(detector, scores, NEW.groups))
    order = np.random.default_rng(0).permutation(len(NEW))
    mixed = patient_predict(detector, NEW[order])
    mixed["strongest_row"] = order[mixed["strongest_row"]]
    assert mixed.equals(found)


def test_pipelines_searches_and_arrays_are_taken():
    pipe = make_pipeline(Resize(8), AtlasDetector()).fit(TRAIN)
    found = patient_predict(pipe, NEW)
    assert found.equals(patient_predict(FrozenEstimator(pipe), NEW))
    assert found.equals(patient_predict(pipe[-1], pipe[0].transform(NEW)))
    assert found.equals(patient_predict(pipe, np.asarray(NEW), groups=NEW.groups))
    both = Pairs.concatenate([TRAIN, NEW])
    y = np.repeat([1, -1], [len(TRAIN), len(NEW)])
    cv = NormalOnlyGroupKFold(2)
    search = GridSearchCV(pipe, {"resize__size": [8]}, scoring=decision_roc_auc_scorer, cv=cv).fit(
        both, y
    )
    assert found.equals(patient_predict(search, NEW))
    with pytest.raises(TypeError, match="expected a detector"):
        patient_predict(make_pipeline(Resize(8)).fit(TRAIN), NEW)


def test_an_ensemble_decides_about_patients_too():
    both = EnsembleDetector([AtlasDetector(), ThresholdDetector()]).fit(TRAIN)
    assert patient_predict(both, NEW).attrs["n_calibration_patients"] == 24
    both.recalibrate(OWN)
    assert patient_predict(both, NEW).attrs["guarantee"] == "exact"


# the rate -----------------------------------------------------------------------------------


def test_the_rate_is_one_of_patients_and_that_of_slices_is_not():
    """The expected rate is floor(a (n + 1)) / (n + 1), on average over calibration sets."""
    pool, rng, detector = scans(160, 5, "pool"), np.random.default_rng(0), fitted()
    scores, codes = -detector.score_samples(pool), np.arange(len(pool)) // EACH
    patients, slices = [], []
    for _ in range(40):
        order = rng.permutation(160)
        given, asked = np.isin(codes, order[:19]), np.isin(codes, order[19:])
        detector.recalibrate(pool[np.flatnonzero(given)])
        found = patient_predict_scores(
            detector, scores[asked], codes[asked], false_positive_rate=0.1
        )
        patients.append((found["prediction"] == -1).mean())
        known = detector.map_scoring_.calibration_scores_
        flagged = -scores[asked] < conformal_offset(known, 0.1)
        slices.append(flagged.reshape(-1, EACH).any(axis=1).mean())
    assert np.mean(patients) == pytest.approx(0.1, abs=0.025)
    assert np.mean(slices) > 0.25


def test_an_anomaly_in_one_slice_is_found():
    odd = np.asarray(NEW).copy()
    odd[EACH * 3 + 1, :, 4:8, 4:8] += 4
    found = patient_predict(fitted().recalibrate(OWN), Pairs(odd, groups=NEW.groups))
    assert found.loc[3, "prediction"] == -1
    assert found.loc[3, "strongest_row"] == EACH * 3 + 1
    assert found.loc[3, "p_value"] == 1 / 40


def test_q_values_keep_the_share_of_healthy_patients_among_those_called():
    rng, detector = np.random.default_rng(0), fitted()
    shares = []
    for seed in range(20):
        detector.recalibrate(scans(79, 100 + seed, "own", each=1))
        scores = -detector.score_samples(scans(40, 200 + seed, "new", each=1))
        scores[:10] += np.where(rng.random(10) < 0.8, 50, 0)  # a quarter is ill
        found = patient_predict_scores(detector, scores, np.arange(40))
        called = found.loc[found["q_value"] <= 0.2, "patient"]
        shares.append((called >= 10).sum() / max(len(called), 1))
    assert np.mean(shares) <= 0.2
    assert np.mean(shares) > 0.05  # BH keeps 0.2 x 30 / 40, and is not empty


# what the rate rests on ---------------------------------------------------------------------


def guarantee(detector, X=NEW):
    """What the table says of the rate."""
    found = patient_predict(detector, X)
    return found.attrs["guarantee"], found.attrs["why"]


def test_it_is_exact_only_with_patients_of_recalibrate_that_the_fit_did_not_see():
    assert guarantee(fitted())[0] == "approximate"
    assert "fit held out" in guarantee(fitted())[1]
    own = fitted().recalibrate(OWN)
    assert guarantee(own)[0] == "exact"
    assert guarantee(own.rescore(false_positive_rate=0.2))[0] == "exact"
    assert guarantee(own.rescore(pool_fraction=0.1))[0] == "approximate"  # rests on the bank again


def test_patients_of_the_fit_in_recalibrate_are_named():
    renamed = Pairs(np.asarray(OWN), groups=["train 003" if i < EACH else n for i, n in
                                             enumerate(OWN.groups)])  # fmt: skip
    with pytest.warns(TrainingDataWarning, match=r"fitted on 1 of these 39 .*: train 003\.") as got:
        detector = fitted().recalibrate(renamed)
    assert [w.filename for w in got] == [__file__]
    assert guarantee(detector) == ("approximate", "1 patients given to recalibrate were in the fit")
    copied = np.asarray(OWN).copy()
    copied[:2] = TRAIN[:2]
    with pytest.warns(TrainingDataWarning, match="2 of the 156 samples"):
        detector = fitted().recalibrate(Pairs(copied, groups=OWN.groups))
    assert guarantee(detector)[0] == "approximate"


def test_new_patients_of_the_fit_are_named():
    known = Pairs(np.asarray(NEW), groups=[f"train {n[-3:]}" for n in NEW.groups])
    with pytest.warns(TrainingDataWarning, match="12 of these 12 patients: train 000, .* 7 more"):
        found = patient_predict(fitted().recalibrate(OWN), known)
    assert found.attrs["guarantee"] == "approximate"


def test_slices_without_a_plane_are_on_the_scale_of_decisions():
    lacking = np.asarray(NEW).copy()
    lacking[::2, 1] = np.nan
    X, detector = Pairs(lacking, groups=NEW.groups), fitted().recalibrate(OWN)
    found = patient_predict(detector, X)
    lowest = patient_scores(detector.score_samples(X), X.groups)["decision"]
    assert_allclose(found["anomaly_score"], -lowest)
    assert found.attrs["guarantee"] == "approximate"
    assert found.attrs["why"].startswith("24 slices have other planes")


def test_too_few_patients_call_nobody_and_say_so():
    detector = fitted().recalibrate(OWN[: 18 * EACH])
    odd = Pairs(9 * np.asarray(NEW), groups=NEW.groups)
    with pytest.warns(ThresholdWarning, match="18 healthy patient.* at least 19 are") as caught:
        found = patient_predict(detector, odd)
    assert [w.filename for w in caught] == [__file__]
    assert (found["prediction"] == 1).all()
    assert (found["p_value"] == 1 / 19).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.recalibrate(OWN[: 19 * EACH])
        assert (patient_predict(detector, odd[: 4 * EACH])["prediction"] == -1).all()


@pytest.mark.parametrize(
    ("each", "said"), [(12, "12 have up to 12,.* too often"), (1, "12 have down to 1,.* missed")]
)
def test_other_numbers_of_slices_are_warned_of(each, said):
    detector, other = fitted().recalibrate(OWN), scans(12, 3, "new", each)
    with pytest.warns(ThresholdWarning, match=said):
        patient_predict(detector, other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        patient_predict(detector, other, aggregation="mean")
        patient_predict(detector, scans(12, 3, "new", 6))


# what is refused ----------------------------------------------------------------------------


def test_unknown_patients_are_refused():
    with pytest.raises(InvalidPairsError, match="The patients of X are unknown"):
        patient_predict(fitted(), np.asarray(NEW))
    with pytest.raises(InvalidPairsError, match="recalibrate got no groups"):
        patient_predict(fitted().recalibrate(np.asarray(OWN)), NEW)
    with pytest.warns(PatientsUnknownWarning):
        unknown = AtlasDetector().fit(np.asarray(TRAIN))
    with pytest.raises(InvalidPairsError, match="fit got no groups"):
        patient_predict(unknown, NEW)
    assert patient_predict(unknown.recalibrate(OWN), NEW).attrs["guarantee"] == "exact"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"false_positive_rate": 0.0}, "false_positive_rate"),
        ({"false_positive_rate": 1.0}, "false_positive_rate"),
        ({"aggregation": "min"}, "expected .*'max', 'highest_share'"),
    ],
    ids=["rate 0", "rate 1", "aggregation"],
)
def test_settings_that_mean_nothing_are_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        patient_predict(FITTED, NEW, **changes)


def test_a_file_and_a_copy_decide_alike(tmp_path):
    persistence = pytest.importorskip("ctmri_detect.persistence")
    pytest.importorskip("skops")
    detector = AtlasDetector(map_scoring=MapScoring(bank="summary")).fit(TRAIN).recalibrate(OWN)
    persistence.save(detector, tmp_path / "own.ctmri")
    found = patient_predict(detector, NEW)
    for again in (pickle.loads(pickle.dumps(detector)), persistence.load(tmp_path / "own.ctmri")):
        table = patient_predict(again, NEW)
        assert table.equals(found)
        assert table.attrs == found.attrs
