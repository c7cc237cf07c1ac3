"""AUPRO: its definition, by hand, and that lesions count alike."""

from __future__ import annotations

import numpy as np
import pytest
from map_cases import map_case
from scipy import ndimage

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_aupro_score, anomaly_map_roc_auc_score


def slow_aupro(masks, maps, max_fpr):
    """The curve at every threshold, integrated on a fine grid."""
    heat = np.where(np.isnan(maps), -np.inf, maps)
    healthy = heat[~masks & ~np.isnan(maps)]
    lesions = []
    for mask, plane in zip(masks, heat, strict=True):
        labels, n = ndimage.label(mask, structure=np.ones((3, 3)))
        lesions += [plane[labels == k] for k in range(1, n + 1)]
    levels = np.unique(np.concatenate([heat[np.isfinite(heat)]]))[::-1]
    fpr = [0.0, *[(healthy >= t).mean() for t in levels]]
    pro = [0.0, *[np.mean([(lesion >= t).mean() for lesion in lesions]) for t in levels]]
    grid = (np.arange(200_000) + 0.5) / 200_000 * max_fpr
    return np.interp(grid, fpr, pro).mean()


@pytest.mark.parametrize("max_fpr", [0.05, 0.3, 1])
@pytest.mark.parametrize("unseen", [0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_aupro_is_the_mean_height_of_the_curve(seed, unseen, max_fpr):
    masks, maps = map_case(seed, unseen=unseen)
    expected = slow_aupro(masks, maps, max_fpr)
    assert anomaly_map_aupro_score(masks, maps, max_fpr=max_fpr) == pytest.approx(
        expected, abs=1e-4
    )


# Lesions A (one pixel: 9) and B (three: 5, 2, 2); healthy 7, 5, 3, 1. The curve (FPR, PRO):
# 9 -> (0, 1/2); 7 -> (1/4, 1/2); 5 is tied -> (1/2, 1/2 + 1/6 = 2/3); 3 -> (3/4, 2/3);
# 2 -> (3/4, 1); 1 -> (1, 1). Areas of the quarters: 1/8, (1/2 + 2/3)/8 = 7/48, 1/6, 1/4.
MASKS = np.array([[[1, 0, 0, 1, 1, 1, 0, 0]]], bool)
MAPS = np.array([[[9.0, 7.0, 5.0, 5.0, 2.0, 2.0, 3.0, 1.0]]])


@pytest.mark.parametrize(
    ("max_fpr", "area"),
    [
        (0.25, 1 / 8),
        (0.375, 1 / 8 + (1 / 2 + 7 / 12) / 16),  # half the sloping part: up to 7/12
        (0.5, 1 / 8 + 7 / 48),
        (0.75, 1 / 8 + 7 / 48 + 1 / 6),
        (1, 1 / 8 + 7 / 48 + 1 / 6 + 1 / 4),
    ],
)
def test_by_hand(max_fpr, area):
    assert anomaly_map_aupro_score(MASKS, MAPS, max_fpr=max_fpr) == pytest.approx(area / max_fpr)


def test_corners_connect_and_slices_do_not():
    masks = np.zeros((2, 3, 3), bool)
    masks[0, 0, 0] = masks[0, 1, 1] = masks[1, 0, 0] = True
    maps = np.zeros((2, 3, 3))
    maps[1, 0, 0] = 9  # one of two lesions
    maps[0, 2, 2] = 1  # above all other pixels
    for turned in (masks, masks[:, :, ::-1]):
        heat = maps if turned is masks else maps[:, :, ::-1]
        assert anomaly_map_aupro_score(turned, heat, max_fpr=1 / 30) == pytest.approx(1 / 2)


def test_with_one_lesion_it_is_the_pixels_roc():
    masks, maps = map_case(4)
    masks[:] = False
    masks[2, 3:7, 2:9] = True
    assert anomaly_map_aupro_score(masks, maps, max_fpr=1) == pytest.approx(
        anomaly_map_roc_auc_score(masks, maps)
    )


def test_a_lesion_counts_alike_whatever_its_size():
    masks = np.zeros((2, 20, 20), bool)
    masks[0, :10, :10] = masks[1, 0, 0] = True
    large, small = np.zeros((2, 2, 20, 20))
    large[0, :10, :10] = small[1, 0, 0] = 1
    assert anomaly_map_aupro_score(masks, large) == pytest.approx(
        anomaly_map_aupro_score(masks, small)
    )
    assert anomaly_map_roc_auc_score(masks, large) > anomaly_map_roc_auc_score(masks, small) + 0.4


def test_chance():
    masks, maps = map_case(5, unseen=0)
    for max_fpr in (0.1, 0.3, 1):
        assert anomaly_map_aupro_score(masks, 0 * maps, max_fpr=max_fpr) == pytest.approx(
            max_fpr / 2
        )
        assert anomaly_map_aupro_score(masks, -1.0 * masks, max_fpr=max_fpr) == 0


@pytest.mark.parametrize("max_fpr", [0, -0.3, 1.01, 30, np.nan, None])
def test_a_rate_is_a_share(max_fpr):
    with pytest.raises(ValueError, match=r"max_fpr is .*; expected a share above 0 and to 1"):
        anomaly_map_aupro_score(MASKS, MAPS, max_fpr=max_fpr)


def test_without_healthy_pixels_there_is_no_rate():
    with pytest.raises(InvalidPairsError, match="holds no observed healthy pixel"):
        anomaly_map_aupro_score(MASKS, np.where(MASKS, MAPS, np.nan))
