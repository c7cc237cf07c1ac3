"""Laws of the metrics: the anomaly is the positive class, whatever the sign of the score."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    image_average_precision_score,
    image_roc_auc_score,
    pixel_average_precision_score,
)

IMAGE = [image_roc_auc_score, image_average_precision_score]
RNG = np.random.default_rng(0)


def case(seed, ties=False):
    """Labels, and decisions that tell something about them."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(40) < 0.3, -1, 1)
    y[:2] = 1, -1
    decision = rng.normal(size=40) + y
    return y, decision.round() if ties else decision


def ranked_precision(positive, score):
    """Average precision, written out: precision at each recall gained, ties together."""
    total = 0.0
    for level in np.unique(score)[::-1]:
        chosen = score >= level
        gained = positive[score == level].sum()
        total += gained * positive[chosen].mean()
    return total / positive.sum()


# images -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_image_metrics_agree_with_their_definition_and_with_scikit_learn(seed, ties):
    y, decision = case(seed, ties)
    bad, good = decision[y == -1][:, None], decision[y == 1][None]
    below = ((bad < good) + 0.5 * (bad == good)).mean()
    assert image_roc_auc_score(y, decision) == pytest.approx(below)
    assert image_roc_auc_score(y, decision) == pytest.approx(roc_auc_score(y, decision))
    expected = ranked_precision(y == -1, -decision)
    assert image_average_precision_score(y, decision) == pytest.approx(expected)
    mirrored = average_precision_score(-y, -decision)
    assert image_average_precision_score(y, decision) == pytest.approx(mirrored)


def test_average_precision_is_not_that_of_the_normals():
    y, decision = case(0)
    assert image_average_precision_score(y, decision) != pytest.approx(
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
    chance = 0.5 if metric is image_roc_auc_score else share
    assert metric(y, y) == 1
    assert metric(y, np.zeros(len(y))) == pytest.approx(chance)
    assert metric(y, -y) <= chance < metric(y, decision) < 1
    assert image_roc_auc_score(y, -decision) == pytest.approx(1 - image_roc_auc_score(y, decision))


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
        ([1, -1, 1], [[1.0], [2], [3]], "one finite number a sample"),
        ([1, -1], [1.0, 2, 3], r"shape \(2,\); expected \(3,\)"),
    ],
    ids=["0/1", "bool", "all normal", "all anomalous", "NaN", "infinity", "2d", "length"],
)
def test_what_would_mislead_is_refused(metric, y, decision, match):
    with pytest.raises(InvalidPairsError, match=match):
        metric(y, decision)


# pixels -------------------------------------------------------------------------------------


def pixels(seed=0):
    rng = np.random.default_rng(seed)
    masks = np.zeros((3, 8, 9), bool)
    masks[0, 2:5, 3:6] = masks[2, 6:, :2] = True
    return masks, (8 * rng.normal(size=masks.shape)).round() / 8 + masks  # exact in float32


def test_pixel_average_precision_is_that_of_all_pixels_together():
    masks, maps = pixels()
    expected = ranked_precision(masks.ravel(), maps.ravel())
    assert pixel_average_precision_score(masks, maps) == pytest.approx(expected)
    order = RNG.permutation(3)
    assert pixel_average_precision_score(masks[order], maps[order]) == pytest.approx(expected)
    for other in (np.exp(maps), 5 * maps - 3, maps.astype(np.float32)):
        assert pixel_average_precision_score(masks, other) == pytest.approx(expected, abs=1e-6)
    assert pixel_average_precision_score(masks.astype(np.uint8), maps) == pytest.approx(expected)


def test_pixel_bounds():
    masks, maps = pixels()
    assert pixel_average_precision_score(masks, masks * 2.0) == 1
    chance = masks.mean()
    assert pixel_average_precision_score(masks, 0 * maps) == pytest.approx(chance)
    assert pixel_average_precision_score(masks, -1.0 * masks) == pytest.approx(chance)


def test_an_unseen_healthy_pixel_is_left_out():
    masks, maps = pixels()
    hidden = RNG.random(masks.shape) < 0.3
    hidden &= ~masks
    partly = np.where(hidden, np.nan, maps)
    left = ranked_precision(masks[~hidden], maps[~hidden])
    assert pixel_average_precision_score(masks, partly) == pytest.approx(left)
    partly[0, 2, 3] = np.nan  # beside an unseen lesion pixel, too
    maps[0, 2, 3] = maps.min() - 1
    missed = ranked_precision(masks[~hidden], maps[~hidden])
    assert pixel_average_precision_score(masks, partly) == pytest.approx(missed)
    assert left != pytest.approx(ranked_precision(masks.ravel(), maps.ravel()))


def test_an_unseen_lesion_pixel_is_missed():
    masks, maps = pixels()
    maps[0, 3, 4] = 9  # the surest hit of all
    maps[0, 2, 3] = maps.min() - 2  # another lesion pixel has the lowest value that was seen
    partly, last = maps.copy(), maps.copy()
    partly[0, 3, 4] = np.nan
    last[0, 3, 4] = maps.min() - 1
    score = pixel_average_precision_score(masks, partly)
    assert score == pytest.approx(ranked_precision(masks.ravel(), last.ravel()))
    assert score < pixel_average_precision_score(masks, maps)


def test_unseen_lesions_are_worth_what_chance_gives():
    masks, maps = pixels()
    blind = np.where(masks, np.nan, maps)
    assert pixel_average_precision_score(masks, blind) == pytest.approx(masks.mean())


def test_unseen_ranks_last_at_any_scale_of_the_map():
    masks, maps = pixels()
    partly = np.where(masks & (maps > 1), np.nan, maps)
    expected = pixel_average_precision_score(masks, partly)
    large = (2.0**30 * partly).astype(np.float32)  # 1 less is the same number in float32
    assert pixel_average_precision_score(masks, large) == pytest.approx(expected)


def test_a_map_that_saw_nothing_is_not_perfect():
    masks, maps = pixels()
    try:
        score = pixel_average_precision_score(masks, np.full_like(maps, np.nan))
    except InvalidPairsError:
        return  # a refusal is as good
    assert score <= masks.mean()


def test_pixel_inputs_that_would_mislead_are_refused():
    masks, maps = pixels()
    infinite = maps.copy()
    infinite[0, 0, 0] = np.inf
    with pytest.raises(InvalidPairsError, match="infinity"):
        pixel_average_precision_score(masks, infinite)
    with pytest.raises(InvalidPairsError, match="no lesion pixel"):
        pixel_average_precision_score(masks & False, maps)
    with pytest.raises(InvalidPairsError, match=r"expected \(3, 8, 8\)"):
        pixel_average_precision_score(masks, maps[:, :, 1:])
    with pytest.raises(InvalidPairsError, match="values beside 0 and 1"):
        pixel_average_precision_score(np.where(masks, -1, 1), maps)
