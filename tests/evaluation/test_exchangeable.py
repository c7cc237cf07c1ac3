"""Laws of the test whether new scans are like those that the threshold was set on."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.evaluation import BiasField, Noise, check_exchangeable, patient_predict
from ctmri_detect.evaluation.rank_test import rank_test
from ctmri_detect.exceptions import FewPatientsWarning, InvalidPairsError, UnlikeTrainingWarning
from ctmri_detect.preprocessing import Resize

EACH, SIZE = 3, 20
OTHER = "other scanner, protocol or kind of patients"


def scans(n_patients, seed, name, lesions=0.0):
    """A smooth pattern, patients of different brightness and noise; some with a lesion."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    pattern = np.stack([np.sin(5 * x) * np.cos(4 * y), np.cos(6 * x + y)])
    X = np.empty((n_patients, EACH, 2, SIZE, SIZE), np.float32)
    for patient in X:
        gain, noise = rng.normal(1, 0.05, (2, 1, 1)), rng.normal(0.2, 0.02)
        patient[:] = 2 + gain * pattern + noise * rng.normal(size=patient.shape)
    X[: round(lesions * n_patients), 0, :, 6:11, 9:13] += 1.5
    X = X.reshape(-1, 2, SIZE, SIZE)
    return Pairs(X, groups=[f"{name} {i // EACH:03d}" for i in range(len(X))])


TRAIN, OWN, NEW = scans(20, 0, "train"), scans(40, 1, "own"), scans(15, 2, "new")
FITTED = AtlasDetector(map_scoring=MapScoring(symmetry=False)).fit(TRAIN)


def calibrated(own=OWN):
    """A copy whose threshold is of these patients."""
    return pickle.loads(pickle.dumps(FITTED)).recalibrate(own)


def check(detector, X, **more):
    """The test with a fixed seed."""
    return check_exchangeable(detector, X, random_state=0, **more)


def changed(condition, X):
    """The same scans under a condition of the benchmark."""
    return Pairs(condition.tested(X, np.arange(len(X)), seed=0), groups=X.groups)


SCANNERS = {
    "noise": (lambda X: changed(Noise(0.06), X), "noise"),
    "bias field": (lambda X: changed(BiasField(0.5), X), "score"),
    "brightness": (lambda X: Pairs(np.asarray(X) + np.float32(0.06), groups=X.groups), "level"),
    "contrast": (lambda X: Pairs(1.1 * np.asarray(X), groups=X.groups), "width"),
    "inverted": (lambda X: Pairs(4 - np.asarray(X), groups=X.groups), "asymmetry"),
}
TOO_STRANGE = {"inverted"}  # no anomaly could be flagged after it


def test_the_false_alarm_rate_is_the_one_asked_for():
    rng, alarms = np.random.default_rng(0), []
    for seed in range(400):
        both = rng.lognormal(size=(27, 6))
        both[:, 1] = both[:, 0] + 0.1 * both[:, 1]  # numbers go together, and some are unknown
        both[rng.random(27) < 0.2, 2] = np.nan
        both[:, 3] = 1.0
        found = rank_test(both[:7], both[7:], rate=0.1, n_resamples=99, random_state=seed)
        alarms.append(found.p_value <= 0.1)
    assert np.mean(alarms) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 400))


def test_each_number_is_a_mann_whitney_test_and_unknown_values_do_not_count():
    rng = np.random.default_rng(0)
    new, known = rng.normal(size=(9, 3)), rng.normal(size=(14, 3))
    new[:3, 1], known[5, 1] = np.nan, np.nan
    found = rank_test(new, known, rate=0.1, n_resamples=99, random_state=0)
    for z, a, b in zip(found.z, new.T, known.T, strict=True):
        settings = {"use_continuity": False, "method": "asymptotic", "nan_policy": "omit"}
        assert 2 * norm.sf(abs(z)) == pytest.approx(mannwhitneyu(a, b, **settings).pvalue)


@pytest.mark.parametrize("lesions", [0.0, 0.3], ids=["healthy", "a third with lesions"])
def test_patients_of_the_same_scanner_seldom_give_an_alarm(lesions):
    alarms = 0
    for seed in range(20):
        detector = calibrated(scans(20, 100 + seed, "own"))
        new = scans(10, 200 + seed, "new", lesions)
        alarms += not check(detector, new, false_alarm_rate=0.1, n_resamples=199).exchangeable
    assert alarms <= 6  # 2 expected; more than 6 in 2 of 1000 cases


@pytest.mark.parametrize("name", SCANNERS)
def test_another_scanner_is_noticed_and_named_and_recalibrate_mends_or_refuses_it(name):
    scanner, number = SCANNERS[name]
    new = scanner(NEW)
    found = check(calibrated(), new)
    assert (found.exchangeable, found.verdict) == (False, OTHER)
    assert found.p_value <= 0.01
    assert (found.n_patients, found.n_calibration_patients) == (15, 40)
    table = found.differences
    assert number in table.loc[table["differs"], "number"].tolist()
    if name in TOO_STRANGE:
        with pytest.raises(InvalidPairsError, match="have the highest anomaly score there is"):
            calibrated(scanner(OWN))
        return
    mended = check(calibrated(scanner(OWN)), new)
    assert mended.exchangeable
    assert not mended.differences["differs"].any()


def test_the_table_says_what_is_higher():
    table = check(calibrated(), SCANNERS["noise"][0](NEW)).differences
    row = table[(table["plane"] == "MRI") & (table["number"] == "noise")].iloc[0]
    assert row["new"] > row["healthy"]
    assert row["z"] > 3
    assert table["z"].abs().is_monotonic_decreasing
    assert len(table) == 11


def test_many_called_patients_ask_for_the_check():
    loud = Pairs(1.1 * np.asarray(NEW), groups=NEW.groups)
    with pytest.warns(UnlikeTrainingWarning, match=r"15 of 15 patients .*check_exchangeable"):
        patient_predict(calibrated(), loud)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        patient_predict(calibrated(Pairs(1.1 * np.asarray(OWN), groups=OWN.groups)), loud)


def test_a_fit_is_enough_and_pipelines_and_arrays_are_taken():
    pipe = make_pipeline(Resize(16), AtlasDetector()).fit(TRAIN)
    found = check(pipe, NEW)
    assert found.exchangeable
    assert found.n_calibration_patients == 20
    for again in (check(pipe, np.asarray(NEW), groups=NEW.groups),
                  check(pipe[-1], pipe[0].transform(NEW))):  # fmt: skip
        assert again.p_value == found.p_value
        assert again.differences.equals(found.differences)


def test_a_missing_plane_says_nothing():
    alone = np.asarray(NEW).copy()
    alone[:, 1] = np.nan
    found = check(calibrated(), Pairs(alone, groups=NEW.groups))
    missing = found.differences.query("plane == 'MRI'")
    assert found.exchangeable
    assert missing["new"].isna().all()
    assert (missing["z"] == 0).all()
    assert not check(calibrated(), Pairs(1.4 * alone, groups=NEW.groups)).exchangeable


def test_too_few_patients_are_warned_of():
    with pytest.warns(FewPatientsWarning, match="2 new and 40 healthy patients"):
        check(calibrated(), NEW[: 2 * EACH])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(calibrated(), NEW[: 4 * EACH])


def test_what_means_nothing_is_refused():
    with pytest.raises(InvalidPairsError, match="The patients of X are unknown"):
        check(calibrated(), np.asarray(NEW))
    with pytest.raises(InvalidPairsError, match="recalibrate got no groups"):
        check(calibrated(np.asarray(OWN)), NEW)
    with pytest.raises(ValueError, match="false_alarm_rate"):
        check(calibrated(), NEW, false_alarm_rate=0)
    with pytest.raises(ValueError, match="n_resamples"):
        check(calibrated(), NEW, n_resamples=98)


def test_a_file_keeps_what_is_needed(tmp_path):
    persistence = pytest.importorskip("ctmri_detect.persistence")
    pytest.importorskip("skops")
    detector = calibrated().rescore(bank="summary").recalibrate(OWN)
    persistence.save(detector, tmp_path / "own.ctmri")
    assert (
        check(persistence.load(tmp_path / "own.ctmri"), NEW).p_value == check(detector, NEW).p_value
    )
