"""Image metrics at one threshold: the best one, and the one that spares the normals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_curve

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import decision_f1_max_score, decision_sensitivity_score

BOTH = [decision_f1_max_score, decision_sensitivity_score]


def case(seed, n=60):
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(n) < 0.4, -1, 1)
    y[:2] = 1, -1
    return y, (4 * (rng.normal(size=n) + y)).round() / 4


@pytest.mark.parametrize("seed", range(4))
def test_f1_max_is_the_best_of_all_thresholds(seed):
    y, decision = case(seed)
    best = max(f1_score(y == -1, decision <= t) for t in decision)
    assert decision_f1_max_score(y, decision) == pytest.approx(best)


@pytest.mark.parametrize("specificity", [0.05, 0.5, 0.71, 0.8, 0.95, 1])
@pytest.mark.parametrize("seed", range(4))
def test_sensitivity_is_the_best_that_spares_enough_normals(seed, specificity):
    y, decision = case(seed)
    thresholds = np.append(decision, np.inf)
    allowed = [t for t in thresholds if (decision[y == 1] >= t).mean() >= specificity - 1e-9]
    best = max((decision[y == -1] < t).mean() for t in allowed)
    found = decision_sensitivity_score(y, decision, specificity=specificity)
    assert found == pytest.approx(best)
    fpr, tpr, _ = roc_curve(y == -1, -decision, drop_intermediate=False)
    assert found == pytest.approx(tpr[fpr <= 1 - specificity + 1e-9].max())


def test_a_share_of_normals_may_be_flagged_to_the_last_one():
    # 100 normals 1, ..., 100; the anomalies lie just above 28, 29 and 30.
    y = np.r_[np.ones(100), -np.ones(3)]
    decision = np.r_[np.arange(1.0, 101), 28.5, 29.5, 30.5]
    assert 10 * (1 - 0.9) < 1
    assert decision_sensitivity_score([*[1] * 10, -1], [*range(10), 0.5], specificity=0.9) == 1
    for share, found in ((0.72, 1), (0.71, 2), (0.70, 3)):  # 28, 29, 30 may be flagged
        assert decision_sensitivity_score(y, decision, specificity=share) == found / 3


@pytest.mark.parametrize("metric", BOTH)
def test_only_the_order_of_the_decisions_counts(metric):
    y, decision = case(5)
    order = np.random.default_rng(0).permutation(len(y))
    for other in (3 * decision - 7, np.exp(decision), decision**3):
        assert metric(y[order], other[order]) == metric(y, decision)


@pytest.mark.parametrize("metric", BOTH)
def test_bounds_and_chance(metric):
    y, decision = case(6)
    share = (y == -1).mean()
    chance = 0 if metric is decision_sensitivity_score else 2 * share / (1 + share)
    assert metric(y, y) == 1
    assert metric(y, np.zeros(len(y))) == pytest.approx(chance)
    assert metric(y, -y) == pytest.approx(chance)
    assert chance < metric(y, decision) < 1


@pytest.mark.parametrize("metric", BOTH)
def test_the_normals_are_not_what_is_looked_for(metric):
    y, decision = case(7)
    assert metric(y, decision) != pytest.approx(metric(-y, -decision))


@pytest.mark.parametrize("metric", BOTH)
def test_what_would_mislead_is_refused(metric):
    with pytest.raises(InvalidPairsError, match="0, 1; expected"):
        metric([0, 1], [1.0, 2.0])
    with pytest.raises(InvalidPairsError, match=r"All 2 labels are \+1"):
        metric([1, 1], [1.0, 2.0])
    with pytest.raises(InvalidPairsError, match="NaN or infinity"):
        metric([1, -1], [1.0, np.nan])


@pytest.mark.parametrize("specificity", [0, -0.1, 95, np.nan, "high", None])
def test_a_specificity_is_a_share(specificity):
    with pytest.raises(ValueError, match=r"specificity is .*; expected a share above 0 and to 1"):
        decision_sensitivity_score([1, -1], [1.0, 0.0], specificity=specificity)
