"""Laws of the way from slices to patients."""

from __future__ import annotations

import numpy as np
import pytest

from ctmri_detect.evaluation import patient_scores, patient_target
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import decision_roc_auc_score

RNG = np.random.default_rng(0)
PATIENT = RNG.permutation(np.repeat(["p1", "p2", "p10", "q"], [1, 4, 10, 7]))
DECISION = RNG.normal(size=22)


def of(name):
    return np.sort(DECISION[name == PATIENT])


@pytest.mark.parametrize(
    ("pool", "share", "kept"),
    [
        ("min", 0.2, {"p1": 1, "p10": 1, "p2": 1, "q": 1}),
        ("mean", 0.2, {"p1": 1, "p10": 10, "p2": 4, "q": 7}),
        ("lowest_share", 0.2, {"p1": 1, "p10": 2, "p2": 1, "q": 2}),  # rounded up
        ("lowest_share", 0.3, {"p1": 1, "p10": 3, "p2": 2, "q": 3}),
        ("lowest_share", 1, {"p1": 1, "p10": 10, "p2": 4, "q": 7}),
    ],
)
def test_each_pool_takes_the_lowest_decisions_it_names(pool, share, kept):
    found = patient_scores(DECISION, PATIENT, pool, share=share)
    assert found["patient"].tolist() == list(kept)  # sorted as text
    assert found["n_slices"].tolist() == [1, 10, 4, 7]
    expected = [of(name)[:n].mean() for name, n in kept.items()]
    assert found["decision"].tolist() == pytest.approx(expected)
    assert list(found) == ["patient", "decision", "n_slices"]


def test_the_default_is_the_most_anomalous_slice():
    assert patient_scores(DECISION, PATIENT).equals(patient_scores(DECISION, PATIENT, "min"))


@pytest.mark.parametrize("pool", ["min", "mean", "lowest_share"])
def test_the_order_of_slices_does_not_matter(pool):
    order = RNG.permutation(22)
    found = patient_scores(DECISION[order].tolist(), PATIENT[order].tolist(), pool)
    assert found.equals(patient_scores(DECISION, PATIENT, pool))


def test_a_share_that_is_whole_slices_is_not_rounded_up_by_rounding_errors():
    decision = np.arange(100.0)  # 0.07 * 100 is 7.000000000000001
    found = patient_scores(decision, ["a"] * 100, "lowest_share", share=0.07)
    assert found["decision"].tolist() == [3.0]


def test_a_patient_is_anomalous_where_one_of_its_slices_is():
    y = np.ones(22, int)
    y[np.flatnonzero(PATIENT == "p10")[3:5]] = -1
    y[np.flatnonzero(PATIENT == "p1")] = -1
    found = patient_target(y, PATIENT)
    assert found["patient"].tolist() == patient_scores(DECISION, PATIENT)["patient"].tolist()
    assert found["target"].tolist() == [-1, -1, 1, 1]
    assert found["n_anomalous"].tolist() == [1, 2, 0, 0]
    assert patient_target(y.astype(float), PATIENT).equals(found)


def test_identifiers_stay_what_they_were():
    assert patient_scores([1.0, 2.0, 0.0], [12, 7, 12])["patient"].tolist() == [12, 7]
    assert patient_target([1, 1, -1], np.array([12, 7, 12]))["patient"].tolist() == [12, 7]


def test_pooling_finds_patients_whose_lesion_is_in_one_slice():
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(40), 10)
    y = np.where((patient % 2 == 1) & (np.arange(400) % 10 == 4), -1, 1)
    decision = rng.normal(size=400) + 3 * y
    areas = {
        pool: decision_roc_auc_score(
            patient_target(y, patient)["target"],
            patient_scores(decision, patient, pool)["decision"],
        )
        for pool in ("min", "mean")
    }
    assert areas["min"] > 0.99 > areas["mean"]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"decision": [np.nan, 1, 1]}, "holds NaN or infinity; expected one finite number per"),
        ({"decision": [np.inf, 1, 1]}, "holds NaN or infinity"),
        ({"decision": np.zeros((3, 1))}, r"decision has shape \(3, 1\)"),
        ({"decision": [1.0]}, r"groups has shape \(3,\); expected \(1,\)"),
        ({"groups": ["a", None, "b"]}, "no patient for samples 1"),
    ],
)
def test_decisions_that_can_not_be_pooled_are_refused(changes, match):
    with pytest.raises(InvalidPairsError, match=match):
        patient_scores(**{"decision": [1, 2, 3], "groups": list("aab")} | changes)


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="pool is 'max'; expected one of 'min', 'lowest_share'"):
        patient_scores([1.0], ["a"], "max")
    for share in (0, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"share is .* above 0 and at most 1"):
            patient_scores([1.0], ["a"], "lowest_share", share=share)


def test_labels_that_mean_nothing_are_refused():
    with pytest.raises(InvalidPairsError, match=r"0, 1; expected \+1"):
        patient_target([0, 1, 1], list("aab"))
    with pytest.raises(InvalidPairsError, match=r"groups has shape \(2,\)"):
        patient_target([1, 1, 1], list("aa"))
    with pytest.raises(InvalidPairsError, match="no patient"):
        patient_target([1, 1, 1], ["a", None, "a"])
