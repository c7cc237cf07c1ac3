"""Masked arrays and torch tensors are taken wherever an array is; hidden means not observed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from heads import make_heads
from numpy.testing import assert_array_equal

from ctmri_detect import AtlasDetector, MapScoring, anomaly_map
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    anomaly_map_average_precision_score,
    decision_roc_auc_score,
    patient_bootstrap,
)
from ctmri_detect.model_selection import NormalOnlyGroupKFold, check_no_leak
from ctmri_detect.preprocessing import Resize

X = make_heads(20, seed=1)
HOLE = np.zeros(X.shape, bool)
HOLE[:, 1, 10:16, 8:14] = True
HIDDEN = np.ma.masked_array(np.where(HOLE, 1e6, X), HOLE)
OBSERVED = np.where(HOLE, np.nan, X).astype(np.float32)
Y = np.where(np.arange(20) % 5, 1, -1)
PATIENTS = np.arange(20) // 2


def detector():
    return AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.3))


def as_tensor(array):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(array)
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


@pytest.mark.parametrize(
    "hidden",
    [HIDDEN, list(HIDDEN), [tuple(pair) for pair in HIDDEN]],
    ids=["array", "list", "deep"],
)
def test_hidden_pixels_are_not_observed(hidden):
    plain = detector().fit(OBSERVED, groups=PATIENTS)
    fitted = detector().fit(hidden, groups=PATIENTS)
    assert_array_equal(fitted.score_samples(hidden), plain.score_samples(OBSERVED))
    assert_array_equal(fitted.anomaly_map(hidden), plain.anomaly_map(OBSERVED))
    assert_array_equal(Resize(16).transform(hidden), Resize(16).transform(OBSERVED))


def test_hidden_whole_numbers_are_not_observed_either():
    whole = np.ma.masked_array((100 * np.nan_to_num(X)).astype(np.int16), HOLE)
    assert_array_equal(np.isnan(Resize(32).transform(whole)), HOLE)


def test_tensors_are_taken_like_arrays():
    plain = detector().fit(X, Y, groups=PATIENTS)
    fitted = detector().fit(as_tensor(X), as_tensor(Y), groups=as_tensor(PATIENTS))
    assert_array_equal(fitted.score_samples(as_tensor(X)), plain.score_samples(X))
    assert_array_equal(anomaly_map(fitted, as_tensor(X)), plain.anomaly_map(X))
    assert_array_equal(Resize(16).transform(as_tensor(X)), Resize(16).transform(X))
    for found, expected in zip(
        NormalOnlyGroupKFold(2).split(as_tensor(X), as_tensor(Y), as_tensor(PATIENTS)),
        NormalOnlyGroupKFold(2).split(X, Y, PATIENTS),
        strict=True,
    ):
        assert_array_equal(np.concatenate(found), np.concatenate(expected))
    check_no_leak(as_tensor(np.arange(2)), as_tensor(np.arange(2, 20)), as_tensor(PATIENTS))


def test_a_bfloat16_tensor_is_read():
    torch = pytest.importorskip("torch")
    short = torch.tensor(X).to(torch.bfloat16)
    assert_array_equal(Resize(32).transform(short), short.float().numpy())


def test_metrics_take_tensors_and_leave_hidden_pixels_out():
    rng = np.random.default_rng(0)
    decision, heat = rng.normal(size=20), rng.normal(size=(20, 8, 8))
    masks = rng.random((20, 8, 8)) < 0.2
    assert decision_roc_auc_score(as_tensor(Y), as_tensor(decision)) == decision_roc_auc_score(
        Y, decision
    )
    expected = anomaly_map_average_precision_score(masks, heat)
    assert anomaly_map_average_precision_score(as_tensor(masks), as_tensor(heat)) == expected
    hole = rng.random(heat.shape) < 0.1
    hidden = np.ma.masked_array(np.where(hole, 1e9, heat), hole)
    expected = anomaly_map_average_precision_score(masks, np.where(hole, np.nan, heat))
    assert anomaly_map_average_precision_score(masks, hidden) == expected
    assert anomaly_map_average_precision_score(masks, list(hidden)) == expected
    settings = {"n_resamples": 20, "random_state": 0}
    found, plain = (
        patient_bootstrap(*args, decision_roc_auc_score, **settings)
        for args in (map(as_tensor, (Y, decision, PATIENTS % 5)), (Y, decision, PATIENTS % 5))
    )
    assert (found.low, found.high) == (plain.low, plain.high)


@pytest.mark.parametrize(
    "decision",
    [np.ma.masked_array(np.arange(20.0), np.arange(20) == 3), np.full(20, np.inf), np.arange(19.0)],
    ids=["hidden", "infinite", "too few"],
)
def test_decisions_that_are_no_numbers_are_refused(decision):
    with pytest.raises(
        InvalidPairsError, match=r"decision (has shape|holds NaN)|The labels have shape"
    ):
        decision_roc_auc_score(Y, decision)


NAMES = [f"p{i}" for i in PATIENTS]


@pytest.mark.parametrize(
    "groups",
    [
        pd.Series([*NAMES[:-1], pd.NA], dtype="string"),
        pd.Series([*NAMES[:-1], None], dtype="category"),
        pd.Series([*PATIENTS[:-1], pd.NA], dtype="Int64"),
        np.ma.masked_array(PATIENTS, np.arange(20) == 19),
        np.ma.masked_array(np.array(NAMES), np.arange(20) == 19),
        [*NAMES[:-1], float("nan")],
        np.array([*NAMES[:-1], float("nan")]),
        np.array([*NAMES[:-1], ""]),
        pd.Series([*pd.date_range("2020", periods=19), pd.NaT]),
    ],
    ids=[
        "string",
        "category",
        "Int64",
        "masked",
        "masked names",
        "NaN",
        "NaN made text",
        "empty",
        "NaT",
    ],
)
def test_a_patient_without_a_name_is_named_by_its_row(groups):
    with pytest.raises(InvalidPairsError, match="no patient for samples 19"):
        detector().fit(X, groups=groups)
