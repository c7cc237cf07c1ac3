"""FROC: peaks are candidates, a lesion is found by a peak inside it."""

from __future__ import annotations

import numpy as np
import pytest
from map_cases import map_case
from scipy import ndimage

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_froc_curve, anomaly_map_lesion_sensitivity_score


def slow_froc(masks, maps, n_scans, min_distance):
    """Peaks pixel by pixel (no plateaus), counted at each threshold."""
    hits, false, n_lesions = [], [], 0
    for i, (mask, heat) in enumerate(zip(masks, maps, strict=True)):
        labels, n = ndimage.label(mask, structure=np.ones((3, 3)))
        n_lesions += n
        for y, x in np.argwhere(~np.isnan(heat)):
            rows = slice(max(y - min_distance, 0), y + min_distance + 1)
            columns = slice(max(x - min_distance, 0), x + min_distance + 1)
            if heat[y, x] == np.nanmax(heat[rows, columns]) > np.nanmin(heat):
                target = hits if labels[y, x] else false
                target.append((heat[y, x], i, labels[y, x]))
    heights = sorted({h for h, _, _ in hits + false}, reverse=True)
    curve = [(0.0, 0.0, np.inf)]
    for t in heights:
        alarms = sum(h >= t for h, _, _ in false) / n_scans
        found = len({(i, label) for h, i, label in hits if h >= t}) / n_lesions
        if (alarms, found) != curve[-1][:2]:  # a further hit of the same lesion changes nothing
            curve.append((alarms, found, t))
    return [np.array(column) for column in zip(*curve, strict=True)]


@pytest.mark.parametrize("min_distance", [1, 2, 5])
@pytest.mark.parametrize("unseen", [0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_froc_is_what_counting_gives(seed, unseen, min_distance):
    masks, maps = map_case(seed, unseen=unseen)
    maps = maps + 1e-3 * np.random.default_rng(seed).random(maps.shape)  # no plateaus
    groups = np.array(list("aabbcc"))
    expected = slow_froc(masks, maps, 3, min_distance)
    for found, wanted in zip(
        anomaly_map_froc_curve(masks, maps, groups, min_distance=min_distance),
        expected,
        strict=True,
    ):
        assert found == pytest.approx(wanted)
    rates = (0, 0.3, 1, 2.5, 1e9)
    each = [expected[1][expected[0] <= rate].max() for rate in rates]
    settings = {"min_distance": min_distance}
    at_rates = anomaly_map_lesion_sensitivity_score(
        masks, maps, groups, rates, average=False, **settings
    )
    assert at_rates == pytest.approx(each)
    mean = anomaly_map_lesion_sensitivity_score(masks, maps, groups, rates, **settings)
    assert mean == pytest.approx(np.mean(each))


def by_hand():
    """Two slices, 3 x 12: lesions A (two pixels) and B in the first, C in the second."""
    masks, maps = np.zeros((2, 3, 12), bool), np.zeros((2, 3, 12))
    masks[0, 1, 1:3] = masks[0, 1, 9] = masks[1, 1, 5] = True
    maps[0, 1, 1] = 5.0  # hits A
    maps[0, 1, 5] = 4.0  # false
    maps[0, 1, 9] = 2.0  # hits B
    maps[1, 1, 1] = 3.0  # false
    maps[1, 1, 8] = 1.0  # false; C has no peak
    return masks, maps


def test_by_hand():
    # Down the heights 5, 4, 3, 2, 1: A; false; false; B; false. Of three lesions two are found.
    # Slices as scans: false positives a scan 0, 1/2, 1, 1, 3/2.
    false_positives, sensitivity, thresholds = anomaly_map_froc_curve(*by_hand(), min_distance=1)
    assert thresholds.tolist() == [np.inf, 5, 4, 3, 2, 1]
    assert false_positives.tolist() == [0, 0, 0.5, 1, 1, 1.5]
    assert sensitivity == pytest.approx(np.array([0, 1, 1, 1, 2, 2]) / 3)
    # At 1/8, 1/4, 1/2: one lesion; at 1, 2, 4, 8: two. Mean (3 * 1/3 + 4 * 2/3) / 7 = 11/21.
    assert anomaly_map_lesion_sensitivity_score(*by_hand(), min_distance=1) == pytest.approx(
        11 / 21
    )
    # Both slices of one patient: rates double; at 1 still one lesion, from 2 on two: 10/21.
    one = anomaly_map_lesion_sensitivity_score(*by_hand(), ["p", "p"], min_distance=1)
    assert one == pytest.approx(10 / 21)


def test_a_normal_scan_dilutes_false_positives():
    masks, maps = by_hand()
    more = np.concatenate([masks, masks[:1] & False]), np.concatenate([maps, 0 * maps[:1]])
    thinner = anomaly_map_froc_curve(*more, min_distance=1)[0]
    assert thinner == pytest.approx(anomaly_map_froc_curve(masks, maps, min_distance=1)[0] * 2 / 3)


def test_further_peaks_in_a_lesion_count_neither_way():
    masks, maps = np.zeros((2, 1, 5, 20))
    masks[0, 1:4, 1:19] = 1
    maps[0, 2, [2, 10, 17]] = 1, 3, 2
    false_positives, sensitivity, _ = anomaly_map_froc_curve(masks, maps, min_distance=2)
    assert not false_positives.any()
    assert sensitivity.tolist() == [0, 1]  # the best of them is what counts


def is_candidate(heat, at, min_distance=1):
    """Whether a peak lies in this pixel: then a lesion there is found."""
    mask = np.zeros(heat.shape, dtype=bool)
    mask[at] = True
    return anomaly_map_froc_curve(mask[None], heat[None], min_distance=min_distance)[1][-1] == 1


def candidates(heat, min_distance=1):
    """The pixels in which peaks lie."""
    every = np.ndindex(heat.shape)
    return [list(at) for at in every if is_candidate(heat, at, min_distance)]


def test_a_plateau_is_one_candidate_inside_it():
    heat = np.zeros((12, 12))
    heat[2:7, 3:6] = 2.0
    heat[9:11, 9:11] = 1.0
    assert candidates(heat) == [[4, 4], [9, 9]]
    assert candidates(np.maximum(np.eye(5), np.eye(5)[::-1])) == [[2, 2]]
    assert candidates(np.eye(5)) == candidates(np.eye(5)[::-1]) == [[2, 2]]
    ring = np.zeros((7, 7))
    ring[1:6, 1:6] = 1
    ring[2:5, 2:5] = 0
    ((y, x),) = candidates(ring)
    assert ring[y, x] == 1


def test_flat_maps_have_no_candidates():
    assert candidates(np.full((5, 5), 3.0), 2) == []
    assert candidates(np.full((5, 5), np.nan), 2) == []
    edge = np.full((5, 5), np.nan)
    edge[0, :3] = 1, 0, 0
    assert candidates(edge, 2) == [[0, 0]]


def test_a_wider_distance_merges_candidates():
    masks, maps = map_case(3)
    count = [len(candidates(maps[0][:40, :40], d)) for d in (1, 2, 4, 13)]
    assert count == sorted(count, reverse=True)
    assert count[0] > count[-1] > 0
    with pytest.raises(ValueError, match="min_distance is 0; expected an int of 1 or more"):
        anomaly_map_froc_curve(masks, maps, min_distance=0)
    with pytest.raises(ValueError, match=r"min_distance is 1.5"):
        anomaly_map_lesion_sensitivity_score(masks, maps, min_distance=1.5)


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_rises_and_knows_only_order(seed):
    masks, maps = map_case(seed)
    false_positives, sensitivity, thresholds = anomaly_map_froc_curve(masks, maps, min_distance=1)
    assert false_positives[0] == sensitivity[0] == 0
    assert (np.diff(false_positives) >= 0).all()
    assert (np.diff(sensitivity) >= 0).all()
    assert sensitivity[-1] <= 1
    assert (np.diff(thresholds) < 0).all()
    other = anomaly_map_froc_curve(masks, np.exp(maps), min_distance=1)
    assert np.array_equal(other[0], false_positives)
    assert np.array_equal(other[1], sensitivity)


def test_names_of_scans_and_order_of_slices_do_not_matter():
    masks, maps = map_case(4)
    groups = np.array([0, 0, 1, 1, 2, 2])
    expected = anomaly_map_lesion_sensitivity_score(masks, maps, groups, min_distance=1)
    order = np.random.default_rng(0).permutation(6)
    names = np.array(["x", "a", "m"])[groups]
    found = anomaly_map_lesion_sensitivity_score(
        masks[order], maps[order], names[order], min_distance=1
    )
    assert found == expected


@pytest.mark.parametrize("rates", [(), (-1, 2), 1.0, None, "few", (np.nan,)])
def test_rates_are_a_sequence_of_numbers(rates):
    with pytest.raises(ValueError, match=r"false_positives is .*; expected numbers of 0 or more"):
        anomaly_map_lesion_sensitivity_score(*by_hand(), None, rates)


def test_groups_must_fit():
    with pytest.raises(InvalidPairsError, match=r"groups has shape \(3,\)"):
        anomaly_map_froc_curve(*by_hand(), ["a", "b", "c"])
