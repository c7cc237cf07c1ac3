"""Laws that all metrics of maps against masks share."""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest
from map_cases import OneByOne, map_case

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    anomaly_map_aupimo_score,
    anomaly_map_aupro_score,
    anomaly_map_average_precision_score,
    anomaly_map_best_dice_score,
    anomaly_map_dice_at_fpr_score,
    anomaly_map_dice_score,
    anomaly_map_lesion_sensitivity_score,
    anomaly_map_roc_auc_score,
    anomaly_map_threshold,
    masked_lesion_share,
)

RANKING = {
    "ap": anomaly_map_average_precision_score,
    "auroc": anomaly_map_roc_auc_score,
    "best_dice": anomaly_map_best_dice_score,
    "dice_at_fpr": anomaly_map_dice_at_fpr_score,
    "aupro": anomaly_map_aupro_score,
    "aupimo": partial(anomaly_map_aupimo_score, fpr_bounds=(0.01, 0.4)),
    "lesions": partial(anomaly_map_lesion_sensitivity_score, min_distance=1),
}
METRICS = RANKING | {
    "dice": partial(anomaly_map_dice_score, threshold=1.0),
    "masked": masked_lesion_share,
}
every = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
ranking = pytest.mark.parametrize("metric", RANKING.values(), ids=RANKING)
finding = pytest.mark.parametrize(
    "metric", [m for k, m in METRICS.items() if k != "masked"], ids=list(METRICS)[:-1]
)


@ranking
@pytest.mark.parametrize("seed", range(3))
def test_only_the_order_of_the_values_counts(metric, seed):
    masks, maps = map_case(seed)
    for other in (np.exp(maps), 5 * maps - 3, (maps + 9) ** 3):
        assert metric(masks, other) == pytest.approx(metric(masks, maps), abs=1e-12)


@every
def test_order_of_the_samples_form_and_precision_do_not_matter(metric, tmp_path):
    masks, maps = map_case(3)
    expected = metric(masks, maps)
    order = np.random.default_rng(0).permutation(len(masks))
    assert metric(masks[order], maps[order]) == pytest.approx(expected, abs=1e-12)
    for other in (np.float16, np.float32):  # steps of 1/8 are exact in both
        assert metric(masks, maps.astype(other)) == expected
    assert metric(list(masks), list(maps)) == expected
    assert metric(masks.tolist(), maps.tolist()) == expected
    assert metric(masks.astype(np.uint8), maps) == expected
    np.save(tmp_path / "maps.npy", maps.astype(np.float32))
    assert metric(masks, np.load(tmp_path / "maps.npy", mmap_mode="r")) == expected


@every
def test_one_plane_at_a_time_is_read(metric):
    masks, maps = map_case(4)
    assert metric(OneByOne(masks), OneByOne(maps)) == metric(masks, maps)


@every
def test_memory_does_not_grow_with_the_maps(metric, tmp_path):
    rng = np.random.default_rng(0)
    masks = np.zeros((300, 96, 96), bool)
    masks[::5, 30:34, 30:34] = True
    np.save(tmp_path / "maps.npy", rng.normal(size=masks.shape).astype(np.float16))
    maps = np.load(tmp_path / "maps.npy", mmap_mode="r")
    if metric in (RANKING["aupimo"], RANKING["lesions"]):
        metric = metric.func  # their memory is the share of pixels that they ask for
    tracemalloc.start()
    try:
        metric(masks, maps)
        assert tracemalloc.get_traced_memory()[1] < 4 * maps.size / 3  # a third of float32
    finally:
        tracemalloc.stop()


@every
def test_maps_of_different_sizes_count_as_if_padded_with_nan(metric):
    masks, maps = map_case(5)
    masks[:, 10:], masks[:, :, 11:] = False, False
    cut = [slice(None, 10 + i % 3) for i in range(6)]
    padded = maps.copy()
    for i, rows in enumerate(cut):
        padded[i, rows.stop :] = np.nan
    pieces = [m[rows] for m, rows in zip(masks, cut, strict=True)]
    planes = [m[rows] for m, rows in zip(maps, cut, strict=True)]
    assert metric(pieces, planes) == pytest.approx(metric(masks, padded), abs=1e-12)


@every
def test_the_callers_arrays_stay_as_they_are(metric):
    masks, maps = map_case(6)
    before = masks.copy(), maps.copy()
    masks.flags.writeable = maps.flags.writeable = False
    metric(masks, maps)
    assert np.array_equal(masks, before[0])
    assert np.array_equal(maps, before[1], equal_nan=True)


@finding
def test_a_perfect_map_is_perfect_and_a_constant_one_is_not(metric):
    masks, _ = map_case(7)
    assert metric(masks, masks * 2.0) == pytest.approx(1, abs=1e-12)
    for constant in (0.0, 1.0, 3.0):
        assert 0 <= metric(masks, np.full(masks.shape, constant)) <= 0.5


@every
def test_bounds(metric):
    for seed in range(8):
        masks, maps = map_case(seed, unseen=seed / 10)
        for other in (maps, -maps, np.where(masks, np.nan, maps), np.where(masks, -maps, 0)):
            value = metric(masks, other)
            assert isinstance(value, float)
            assert 0 <= value <= 1


@ranking
def test_an_unseen_lesion_pixel_ranks_below_all_others(metric):
    masks, maps = map_case(8, unseen=0)
    hidden = masks & (np.random.default_rng(1).random(masks.shape) < 0.5)
    low = np.where(hidden, maps.min() - 1, maps)
    unseen = metric(masks, np.where(hidden, np.nan, maps))
    assert unseen == pytest.approx(metric(masks, low))
    assert unseen < metric(masks, maps)


@finding
def test_lesions_that_nobody_saw_are_not_found(metric):
    masks, maps = map_case(9)
    chance = masks.mean() * 1.2 if metric is anomaly_map_average_precision_score else 0
    assert metric(masks, np.where(masks, np.nan, maps)) <= chance


@pytest.mark.parametrize("seed", range(3))
def test_the_masked_share_is_that_of_the_lesions(seed):
    masks, maps = map_case(seed, unseen=0.4)
    assert masked_lesion_share(masks, maps) == np.isnan(maps[masks]).mean()
    assert masked_lesion_share(masks, np.full_like(maps, np.nan)) == 1
    assert masked_lesion_share(masks, np.where(masks, 0, np.nan)) == 0


@ranking
def test_maps_that_saw_nothing_are_refused_or_worth_nothing(metric):
    masks, maps = map_case(10)
    blind = np.full_like(maps, np.nan)
    if metric is RANKING["lesions"]:
        assert metric(masks, blind) == 0
    else:
        with pytest.raises(InvalidPairsError, match="observed"):
            metric(masks, blind)


@every
def test_inputs_that_would_mislead_are_refused(metric):
    masks, maps = map_case(11)
    infinite = maps.copy()
    infinite[4, 0, 0] = -np.inf
    for bad, match in [
        ((masks, infinite), "infinity in sample 4"),
        ((masks & False, maps), "no lesion pixel"),
        ((masks[:0], maps[:0]), "no lesion pixel"),
        ((masks, maps[:, :, 1:]), r"masks has shape \(6, 12, 13\); expected \(6, 12, 12\)"),
        ((masks[1:], maps), r"masks has shape \(5, 12, 13\); expected \(6, 12, 13\)"),
        ((list(masks[1:]), maps), r"masks has shape \(5, ...\)"),
        ((list(masks), [m[1:] for m in maps]), "mask of sample 0 has shape"),
        ((masks, maps[0]), r"maps has shape \(12, 13\); .* A single plane: maps\[None\]"),
        ((masks[0], maps), r"masks has shape \(12, 13\)"),
        ((masks[:, None], maps), r"masks has shape \(6, 1, 12, 13\)"),
        ((masks, None), "maps is NoneType"),
        ((masks, "maps.npy"), "maps is str"),
        (([*masks[:5], None], maps), r"masks\[5\] has shape \(\)"),
        ((masks, maps.astype(complex)), "maps has dtype complex128; expected real"),
        ((masks, maps.astype(str)), "maps has dtype <U"),
        ((np.where(masks, -1, 1), maps), "values beside 0 and 1"),
        ((np.where(masks, 0.5, 0), maps), "values beside 0 and 1"),
    ]:
        with pytest.raises(InvalidPairsError, match=match):
            metric(*bad)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_whole_numbers_are_maps_too(dtype):
    masks, maps = map_case(12, unseen=0)
    whole = (maps > 1).astype(dtype)
    expected = anomaly_map_roc_auc_score(masks, whole.astype(float))
    assert anomaly_map_roc_auc_score(masks, whole) == expected


def test_large_whole_numbers_are_not_rounded():
    masks = np.array([[[True, False]]])
    for large in (2**24 + 1, 2**53):  # one less is the same number in float32
        for dtype in (np.int32, np.int64, float)[large > 2**31 :]:
            maps = np.array([[[large, large - 1]]], dtype)
            assert anomaly_map_roc_auc_score(masks, maps) == 1
    mixed = [np.zeros((1, 2), np.float32), np.array([[2.0**53, 2.0**53 - 1]])]
    assert anomaly_map_roc_auc_score([masks[0] & False, masks[0]], mixed) == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("rate", [0, 0.05, 0.29, 0.5, 0.999])
def test_the_threshold_of_normals_is_the_lowest_that_spares_enough(dtype, rate):
    for seed in range(4):
        maps = map_case(seed)[1].astype(dtype)
        maps[0, 0, :2] = -0.0, 0.0
        seen = maps[~np.isnan(maps)]
        expected = min(t for t in seen if (seen > t).mean() <= rate + 1e-12)
        assert anomaly_map_threshold(maps, rate) == expected
        assert anomaly_map_threshold([maps[0], maps[1:].reshape(-1, 13)], rate) == expected
    assert anomaly_map_threshold(np.full((1, 3, 3), dtype(-0.1)), rate) == dtype(-0.1)


def test_a_share_of_pixels_is_counted_to_the_last_one():
    assert 0.29 * 100 < 29
    assert anomaly_map_threshold(np.arange(100.0).reshape(1, 10, 10), 0.29) == 70  # 71, ..., 99


def test_a_threshold_needs_pixels_and_a_rate():
    with pytest.raises(InvalidPairsError, match="no observed pixel"):
        anomaly_map_threshold(np.full((2, 3, 3), np.nan))
    with pytest.raises(InvalidPairsError, match="no observed pixel"):
        anomaly_map_threshold(np.zeros((0, 3, 3)))
    with pytest.raises(ValueError, match="false_positive_rate is 1; expected a share from 0 and"):
        anomaly_map_threshold(np.zeros((1, 3, 3)), 1)
