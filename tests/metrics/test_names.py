"""The name of a metric says which sign it takes."""

import inspect

import numpy as np
import pytest

from ctmri_detect import metrics

LABELS = np.array([1, 1, 1, -1, -1])
DECISION = np.array([3.0, 2.0, 1.0, -1.0, -2.0])  # high = normal, as decision_function gives it
MASKS = np.zeros((2, 24, 24), bool)
MASKS[0, 4:8, 4:8] = True
HEAT = MASKS * np.linspace(1, 2, 24)  # high = anomalous, as anomaly_map gives it

DECISION_SCORES = [n for n in metrics.__all__ if n.startswith("decision_")]
MAP_SCORES = [n for n in metrics.__all__ if n.startswith("anomaly_map_") and n.endswith("_score")]
MORE = {"anomaly_map_dice_score": {"threshold": 0.0}}


@pytest.mark.parametrize("name", DECISION_SCORES)
def test_decision_metrics_take_high_for_normal(name):
    score = getattr(metrics, name)
    assert score(LABELS, DECISION) == 1
    assert score(LABELS, -DECISION) < 1


@pytest.mark.parametrize("name", MAP_SCORES)
def test_anomaly_map_metrics_take_high_for_anomalous(name):
    score = getattr(metrics, name)
    low = {"max_fpr": 0.0} if name == "anomaly_map_dice_at_fpr_score" else {}
    right = score(MASKS, HEAT, **MORE.get(name, {}), **low)
    assert right == pytest.approx(1)
    assert score(MASKS, -HEAT, **MORE.get(name, {}), **low) < right


def test_every_metric_with_a_sign_is_named_for_it():
    assert len(DECISION_SCORES) == 4
    assert len(MAP_SCORES) == 8
    for name in metrics.__all__:
        first = list(inspect.signature(getattr(metrics, name)).parameters)[:2]
        if first == ["y_true", "decision"]:
            assert name.startswith("decision_")
        if "maps" in first and name != "masked_lesion_share":  # it asks only where maps are NaN
            assert name.startswith("anomaly_map_")
