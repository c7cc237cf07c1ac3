"""Laws of the image metrics: the anomaly is the positive class, whatever the score's sign."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import decision_average_precision_score, decision_roc_auc_score

IMAGE = [decision_roc_auc_score, decision_average_precision_score]
RNG = np.random.default_rng(0)


def case(seed, ties=False):
    """Labels, and decisions that tell something about them."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(40) < 0.3, -1, 1)
    y[:2] = 1, -1
    decision = rng.normal(size=40) + y
    return y, decision.round() if ties else decision


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_image_metrics_agree_with_their_definition(seed, ties, ranked_precision):
    y, decision = case(seed, ties)
    bad, good = decision[y == -1][:, None], decision[y == 1][None]
    below = ((bad < good) + 0.5 * (bad == good)).mean()
    assert decision_roc_auc_score(y, decision) == pytest.approx(below)
    assert decision_roc_auc_score(y, decision) == pytest.approx(roc_auc_score(y, decision))
    expected = ranked_precision(y == -1, -decision)
    assert decision_average_precision_score(y, decision) == pytest.approx(expected)
    mirrored = average_precision_score(-y, -decision)
    assert decision_average_precision_score(y, decision) == pytest.approx(mirrored)


def test_average_precision_is_not_that_of_the_normals():
    y, decision = case(0)
    assert decision_average_precision_score(y, decision) != pytest.approx(
        average_precision_score(y, decision)
    )


@pytest.mark.parametrize("metric", IMAGE)
def test_only_the_order_of_the_samples_scores_counts(metric):
    y, decision = case(1)
    order = RNG.permutation(len(y))
    for other in (3 * decision - 7, np.exp(decision), decision**3, decision - decision.max()):
        assert metric(y, other) == pytest.approx(metric(y, decision))
        assert metric(y[order], other[order]) == pytest.approx(metric(y, decision))
    assert metric(list(y.astype(float)), list(decision)) == pytest.approx(metric(y, decision))


@pytest.mark.parametrize("metric", IMAGE)
def test_bounds_chance_and_the_mirror_image(metric):
    y, decision = case(2)
    share = (y == -1).mean()
    chance = 0.5 if metric is decision_roc_auc_score else share
    assert metric(y, y) == 1
    assert metric(y, np.zeros(len(y))) == pytest.approx(chance)
    assert metric(y, -y) <= chance < metric(y, decision) < 1
    assert decision_roc_auc_score(y, -decision) == pytest.approx(
        1 - decision_roc_auc_score(y, decision)
    )


@pytest.mark.parametrize("metric", IMAGE)
@pytest.mark.parametrize(
    ("y", "decision", "match"),
    [
        ([0, 1, 1], [1.0, 2, 3], "0, 1; expected"),
        ([True, False, True], [1.0, 2, 3], "False, True; expected"),
        ([1, 1, 1], [1.0, 2, 3], r"All 3 labels are \+1"),
        ([-1, -1, -1], [1.0, 2, 3], "All 3 labels are -1"),
        ([1, -1, 1], [1.0, np.nan, 3], "NaN or infinity"),
        ([1, -1, 1], [1.0, np.inf, 3], "NaN or infinity"),
        ([1, -1, 1], [[1.0], [2], [3]], "one finite number per sample"),
        ([1, -1], [1.0, 2, 3], r"shape \(2,\); expected \(3,\)"),
    ],
    ids=["0/1", "bool", "all normal", "all anomalous", "NaN", "infinity", "2d", "length"],
)
def test_what_would_mislead_is_refused(metric, y, decision, match):
    with pytest.raises(InvalidPairsError, match=match):
        metric(y, decision)
