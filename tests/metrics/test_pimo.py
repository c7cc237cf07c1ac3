"""AUPIMO: its definition, by hand, and that only normal images rule the thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from map_cases import map_case
from scipy.integrate import trapezoid

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_aupimo_score, pimo


def slow_aupimo(masks, maps, bounds, n_grid=4000):
    """The recall at the lowest threshold allowed, at many rates on a logarithmic scale."""
    heat = np.where(np.isnan(maps), -np.inf, maps)
    normal = [
        plane[np.isfinite(plane)]
        for mask, plane in zip(masks, heat, strict=True)
        if not mask.any() and np.isfinite(plane).any()
    ]
    levels = np.append(-np.inf, np.unique(heat[np.isfinite(heat)]))
    rate = np.mean([(plane > levels[:, None]).mean(axis=1) for plane in normal], axis=0)
    low, high = bounds
    grid = low * (high / low) ** ((np.arange(n_grid) + 0.5) / n_grid)
    threshold = levels[np.argmax(rate[:, None] <= grid, axis=0)]  # the lowest allowed
    scores = np.full(len(masks), np.nan)
    for i, (mask, plane) in enumerate(zip(masks, heat, strict=True)):
        if mask.any():
            scores[i] = (plane[mask][:, None] > threshold).mean()
    return scores


@pytest.mark.parametrize("bounds", [(1e-5, 1e-4), (1e-3, 0.05), (0.01, 0.4), (0.3, 1)])
@pytest.mark.parametrize("unseen", [0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_aupimo_is_the_mean_recall_on_a_logarithmic_scale(seed, unseen, bounds):
    masks, maps = map_case(seed, 8, unseen=unseen)
    expected = slow_aupimo(masks, maps, bounds)
    scores = anomaly_map_aupimo_score(masks, maps, fpr_bounds=bounds, average=False)
    assert scores == pytest.approx(expected, abs=2e-3, nan_ok=True)
    assert anomaly_map_aupimo_score(masks, maps, fpr_bounds=bounds) == np.nanmean(scores)
    assert np.isnan(scores).tolist() == (~masks.any(axis=(1, 2))).tolist()


def test_the_papers_grid_of_thresholds_meets_it_where_normal_pixels_are_many():
    rng = np.random.default_rng(3)
    masks = np.zeros((6, 300, 300), bool)
    masks[3:, 100:200, 100:180] = True
    maps = rng.normal(size=masks.shape) + 2 * masks
    normal, (low, high) = maps[:3], (1e-3, 1e-1)
    grid = np.linspace(*np.quantile(normal, [1 - high, 1 - low]), 300)
    rate = np.array([(normal >= t).mean() for t in grid])
    expected = [
        -trapezoid([(plane[mask] >= t).mean() for t in grid], np.log(rate)) / np.log(high / low)
        for mask, plane in zip(masks[3:], maps[3:], strict=True)
    ]
    scores = anomaly_map_aupimo_score(masks, maps, fpr_bounds=(low, high), average=False)
    assert scores[3:] == pytest.approx(expected, abs=1e-3)


def by_hand():
    """Two normal images, of ten and of five observed pixels, and two anomalous ones."""
    masks, maps = np.zeros((4, 1, 10), bool), np.zeros((4, 1, 10))
    maps[0, 0, 0] = 8.0  # brings 1/2 * 1/10 = .05
    maps[1, 0, 0], maps[1, 0, 5:] = 6.0, np.nan  # brings 1/2 * 1/5 = .1, .15 in all
    masks[2, 0, :4] = masks[3, 0, :2] = True
    maps[2, 0, :4] = 9.0, 7.0, 6.0, np.nan
    maps[3, 0, :2] = 5.0, 8.0
    return masks, maps


def test_by_hand_with_all_rates_within_the_bounds():
    # Rates from .01 to .05: above 8, recalls 1/4 and 0. From .05 to .15: above 6, so 2/4 and 1/2.
    # From .15 to .3: above 0, so 3/4 and 1. On the logarithmic scale from .01 to .3 these are
    # ln 5 = 1.609, ln 3 = 1.099 and ln 2 = .693 of ln 30 = 3.401.
    scores = anomaly_map_aupimo_score(*by_hand(), fpr_bounds=(0.01, 0.3), average=False)
    long, middle, short = np.log([5, 3, 2]) / np.log(30)
    assert np.isnan(scores[:2]).all()
    assert scores[2] == pytest.approx(long / 4 + middle / 2 + short * 3 / 4)  # .4327
    assert scores[3] == pytest.approx(middle / 2 + short)  # .3653
    assert anomaly_map_aupimo_score(*by_hand(), fpr_bounds=(0.01, 0.3)) == pytest.approx(
        0.3990, abs=1e-4
    )


def test_by_hand_at_the_edges():
    # Below .05 nothing may be above 8; from .06 to .14 the threshold is 6 throughout.
    assert anomaly_map_aupimo_score(*by_hand()) == pytest.approx((1 / 4 + 0) / 2)
    assert anomaly_map_aupimo_score(*by_hand(), fpr_bounds=(0.06, 0.14)) == pytest.approx(
        (2 / 4 + 1 / 2) / 2
    )


def test_healthy_pixels_of_anomalous_images_do_not_count():
    masks, maps = map_case(1)
    hot = masks.any(axis=(1, 2))[:, None, None] & ~masks
    bounds = (0.01, 0.3)
    assert anomaly_map_aupimo_score(
        masks, maps + 99 * hot, fpr_bounds=bounds
    ) == anomaly_map_aupimo_score(masks, maps, fpr_bounds=bounds)


def test_an_unseen_normal_image_is_left_out():
    masks, maps = map_case(2)
    empty = np.zeros((1, 12, 13), bool), np.full((1, 12, 13), np.nan)
    more = (np.concatenate(pair) for pair in zip((masks, maps), empty, strict=True))
    assert anomaly_map_aupimo_score(*more, fpr_bounds=(0.01, 0.3)) == anomaly_map_aupimo_score(
        masks, maps, fpr_bounds=(0.01, 0.3)
    )


@pytest.mark.parametrize("bounds", [(1e-3, 0.02), (0.05, 0.7), (0.2, 1)])
def test_keeping_the_highest_normal_pixels_only_changes_nothing(bounds, monkeypatch):
    for seed in range(4):
        masks, maps = map_case(seed, 16)
        expected = anomaly_map_aupimo_score(masks, maps, fpr_bounds=bounds)
        monkeypatch.setattr(pimo, "_BUFFER", 5)
        assert anomaly_map_aupimo_score(masks, maps, fpr_bounds=bounds) == pytest.approx(
            expected, abs=1e-12
        )
        monkeypatch.undo()


def test_chance_is_the_mean_rate():
    rng = np.random.default_rng(0)
    masks = np.zeros((20, 100, 100), bool)
    masks[10:, :70] = True
    low, high = 0.01, 0.3
    found = anomaly_map_aupimo_score(
        masks, rng.normal(size=masks.shape).astype(np.float32), fpr_bounds=(low, high)
    )
    assert found == pytest.approx((high - low) / np.log(high / low), abs=5e-3)


@pytest.mark.parametrize(
    "bounds", [(0, 0.1), (0.1, 0.1), (0.2, 0.1), (0.1, 1.1), 0.1, None, (0.1,), (np.nan, 0.1)]
)
def test_bounds_are_two_rates(bounds):
    with pytest.raises(ValueError, match=r"fpr_bounds is .*; expected two rates"):
        anomaly_map_aupimo_score(*by_hand(), fpr_bounds=bounds)


def test_without_normal_images_there_are_no_thresholds():
    masks, maps = by_hand()
    for chosen in (slice(2, None), slice(1, None)):
        maps[1] = np.nan
        with pytest.raises(InvalidPairsError, match="No sample is normal"):
            anomaly_map_aupimo_score(masks[chosen], maps[chosen])
