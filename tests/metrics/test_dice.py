"""Dice at a threshold that is given, the best, or set by the healthy pixels."""

from __future__ import annotations

import numpy as np
import pytest
from map_cases import map_case
from sklearn.metrics import f1_score

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    anomaly_map_average_precision_score,
    anomaly_map_best_dice_score,
    anomaly_map_dice_at_fpr_score,
    anomaly_map_dice_score,
    anomaly_map_threshold,
)


@pytest.mark.parametrize("unseen", [0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_dice_is_the_f1_of_the_pixels_above(seed, unseen):
    masks, maps = map_case(seed, unseen=unseen)
    used = masks | ~np.isnan(maps)
    for threshold in (-9, 0, 1, 1.01, 2.5, 99, -np.inf, np.inf):
        expected = f1_score(masks[used], (maps > threshold)[used], zero_division=0)
        assert anomaly_map_dice_score(masks, maps, threshold) == pytest.approx(expected)


@pytest.mark.parametrize("unseen", [0, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_best_dice_is_the_best_of_all_thresholds(seed, unseen):
    masks, maps = map_case(seed, unseen=unseen)
    levels = np.append(-np.inf, np.unique(maps[~np.isnan(maps)]))
    best = max(anomaly_map_dice_score(masks, maps, t) for t in levels)
    assert anomaly_map_best_dice_score(masks, maps) == pytest.approx(best)


@pytest.mark.parametrize("max_fpr", [0, 0.05, 0.3, 0.99])
@pytest.mark.parametrize("seed", range(4))
def test_dice_at_a_rate_is_that_of_the_lowest_threshold_allowed(seed, max_fpr):
    masks, maps = map_case(seed)
    healthy = maps[~masks & ~np.isnan(maps)]
    lowest = min(t for t in healthy if (healthy > t).mean() <= max_fpr)
    expected = anomaly_map_dice_score(masks, maps, lowest)
    found = anomaly_map_dice_at_fpr_score(masks, maps, max_fpr=max_fpr)
    assert found == expected <= anomaly_map_best_dice_score(masks, maps)


def test_by_hand():
    # Lesion 9, 4, NaN; healthy 5, 3, 3, 1. Above 4.5: TP 1, FP 1 (the 5), FN 2: 2/(2+1+2) = .4.
    # Best: above 3 (TP 2, FP 1, FN 1): 4/6. At most 1/4 of 4 healthy: above 3, the same.
    # At most 0: above 5, TP 1, FP 0, FN 2: 2/4. At most 1/2: 3, 3 are tied, so above 3 again.
    masks = [[[1, 1, 1, 0, 0, 0, 0, 0]]]
    maps = [[[9.0, 4.0, np.nan, 5.0, 3.0, 3.0, 1.0, np.nan]]]
    assert anomaly_map_dice_score(masks, maps, 4.5) == pytest.approx(0.4)
    assert anomaly_map_best_dice_score(masks, maps) == pytest.approx(2 / 3)
    for rate, expected in ((0.25, 2 / 3), (0, 0.5), (0.5, 2 / 3)):
        assert anomaly_map_dice_at_fpr_score(masks, maps, max_fpr=rate) == pytest.approx(expected)


def test_a_threshold_of_normals_flags_what_it_promises():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(4, 50, 50)).astype(np.float32)
    threshold = anomaly_map_threshold(normal, 0.05)
    assert (normal > threshold).mean() == 0.05
    masks, maps = np.zeros((1, 50, 50), bool), rng.normal(size=(1, 50, 50))
    masks[0, :5, :5] = True
    assert (
        0
        <= anomaly_map_dice_score(masks, maps + 3 * masks, threshold)
        <= anomaly_map_best_dice_score(masks, maps + 3 * masks)
    )


def test_a_threshold_is_not_rounded_to_the_precision_of_the_map():
    masks, maps = np.ones((1, 1, 1), bool), np.full((1, 1, 1), 0.1, np.float32)
    assert float(maps[0, 0, 0]) > 0.1
    assert (
        anomaly_map_dice_score(masks, maps, 0.1)
        == anomaly_map_dice_score(masks, maps, np.float64(0.1))
        == 1
    )
    assert anomaly_map_dice_score(masks, maps, float(maps[0, 0, 0])) == 0


def test_dice_moves_with_the_map_and_its_threshold():
    masks, maps = map_case(5)
    assert anomaly_map_dice_score(masks, np.exp(maps), np.exp(1.0)) == anomaly_map_dice_score(
        masks, maps, 1.0
    )


def test_chance_is_what_taking_everything_gives():
    masks, maps = map_case(6, unseen=0)
    share = masks.mean()
    assert anomaly_map_best_dice_score(masks, -1.0 * masks) == pytest.approx(
        2 * share / (1 + share)
    )
    assert anomaly_map_best_dice_score(masks, maps) > 2 * share / (1 + share)
    assert anomaly_map_average_precision_score(masks, 0 * maps) == pytest.approx(share)


@pytest.mark.parametrize("threshold", [np.nan, None, "auto", [1, 2]])
def test_a_threshold_is_a_number(threshold):
    with pytest.raises(ValueError, match=r"threshold is .* anomaly_map_threshold"):
        anomaly_map_dice_score(*map_case(), threshold)


@pytest.mark.parametrize("rate", [-0.1, 1, 5, np.nan, None])
def test_a_rate_is_a_share(rate):
    with pytest.raises(ValueError, match=r"max_fpr is .*; expected a share from 0 and below 1"):
        anomaly_map_dice_at_fpr_score(*map_case(), max_fpr=rate)


def test_without_healthy_pixels_there_is_no_rate():
    masks, maps = map_case()
    for metric in (anomaly_map_dice_at_fpr_score, anomaly_map_best_dice_score):
        with pytest.raises(InvalidPairsError, match="holds no observed healthy pixel"):
            metric(masks, np.where(masks, maps, np.nan))
