"""Our metrics beside values that anomalib and MONAI gave for the same maps."""

import json
from pathlib import Path

import numpy as np
import pytest
from toy_maps import spikes, toy

from ctmri_detect.metrics import (
    anomaly_map_aupimo_score,
    anomaly_map_aupro_score,
    anomaly_map_froc_curve,
)

RECORDED = json.loads(Path(__file__).with_name("recorded.json").read_text())


@pytest.fixture(scope="module")
def maps():
    return toy()


@pytest.mark.parametrize("limit", RECORDED["aupro"])
def test_aupro_is_that_of_anomalib(maps, limit):
    found = anomaly_map_aupro_score(*maps, max_fpr=float(limit))
    assert found == pytest.approx(RECORDED["aupro"][limit], abs=1e-6)


def test_aupimo_is_that_of_anomalib(maps):
    """It draws lines between points where we take steps, so that few normal pixels differ."""
    found = anomaly_map_aupimo_score(*maps, fpr_bounds=(1e-3, 1e-1), average=False)
    recorded = np.array(RECORDED["aupimo"], dtype=float)
    assert np.array_equal(np.isnan(found), np.isnan(recorded))
    assert np.allclose(found, recorded, atol=5e-3, equal_nan=True)


def test_points_of_monai_lie_on_our_froc_curve(maps):
    masks, _ = maps
    false_positives, sensitivity, _ = anomaly_map_froc_curve(masks, spikes(masks), min_distance=1)
    curve = RECORDED["froc"]
    for rate, found in zip(curve["false_positives"], curve["sensitivity"], strict=True):
        same = np.isclose(false_positives, rate)
        assert np.isclose(sensitivity[same], found).any()
