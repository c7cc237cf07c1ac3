"""FROC curves as the metric has them, several detectors, and what is refused."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ctmri_detect import AtlasDetector, Pairs, anomaly_map
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_froc_curve, anomaly_map_lesion_sensitivity_score
from ctmri_detect.plotting import FrocDisplay

RNG = np.random.default_rng(0)
MASKS = np.zeros((12, 32, 32), bool)
MASKS[::2, 8:14, 8:14] = True
NOISE = gaussian_filter(RNG.normal(size=MASKS.shape), (0, 1.5, 1.5)) * 4
MAPS = {"strong": NOISE + 4 * MASKS, "weak": NOISE + 0.5 * MASKS}
MAPS["strong"][:, :2] = np.nan


def test_the_points_are_those_of_the_metric():
    display = FrocDisplay.from_predictions(MASKS, MAPS).plot()
    order = sorted(MAPS, key=lambda name: -display.sensitivities[name])
    for name, line in zip(order, display.ax_.lines, strict=True):
        reached, sensitivity, _ = anomaly_map_froc_curve(MASKS, MAPS[name])
        np.testing.assert_array_equal(display.curves[name][0], reached)
        np.testing.assert_array_equal(display.curves[name][1], sensitivity)
        drawn = line.get_xydata()
        np.testing.assert_array_equal(drawn[:-1], np.stack([reached, sensitivity], axis=1))
        assert drawn[-1, 1] == sensitivity[-1]  # level beyond the last candidate
        assert line.get_drawstyle() == "steps-post"
        mean = anomaly_map_lesion_sensitivity_score(MASKS, MAPS[name])
        assert display.sensitivities[name] == pytest.approx(mean)
        assert line.get_label() == f"{name} ({mean:.3f})"
    assert order == ["strong", "weak"]
    assert display.ax_.get_xlabel() == "False positives per slice"


def test_scans_are_counted_where_they_are_named():
    scans = np.arange(12) // 3
    display = FrocDisplay.from_predictions(MASKS, MAPS["weak"], groups=scans).plot()
    reached, _, _ = anomaly_map_froc_curve(MASKS, MAPS["weak"], scans)
    np.testing.assert_array_equal(display.curves["detector"][0], reached)
    assert display.ax_.get_xlabel() == "False positives per scan"


def test_maps_come_from_detectors_one_or_several():
    X = RNG.normal(size=(24, 2, 32, 32))
    detector = AtlasDetector().fit(X, groups=range(24))
    pairs = Pairs(X[:12], groups=[f"new {i // 4}" for i in range(12)])
    one = FrocDisplay.from_estimator(detector, pairs, MASKS, min_distance=3)
    expected, _, _ = anomaly_map_froc_curve(MASKS, anomaly_map(detector, pairs), min_distance=3)
    np.testing.assert_array_equal(one.curves["AtlasDetector"][0], expected)
    assert one.unit == "slice"
    both = FrocDisplay.from_estimator({"a": detector, "b": detector}, pairs, MASKS)
    assert list(both.curves) == ["a", "b"]


@pytest.mark.parametrize("height", [0, 1, 40])
def test_a_curve_of_few_or_many_false_positives_is_drawn_whole(height):
    """From no false positive at all to many a slice."""
    rng = np.random.default_rng(height)
    noise = rng.uniform(size=(12, 64, 64)) * (height > 1) + 0.1 * np.arange(64) * height
    masks = np.zeros((12, 64, 64), bool)
    masks[:, 8:14, 8:14] = True
    display = FrocDisplay.from_predictions(masks, noise + 99 * masks, min_distance=1).plot()
    display.figure_.canvas.draw()
    assert display.ax_.get_xlim()[0] == 0
    assert 1 <= display.ax_.get_xlim()[1] < 8.5
    assert display.ax_.get_xticklabels()[-1].get_text() in ("1", "2", "4", "8")


def test_bad_input_is_named():
    with pytest.raises(InvalidPairsError, match="lesion"):
        FrocDisplay.from_predictions(np.zeros_like(MASKS), MAPS)
    with pytest.raises(InvalidPairsError, match="shape"):
        FrocDisplay.from_predictions(MASKS, {"a": NOISE[:, :16]})
    with pytest.raises(ValueError, match="no detector to draw"):
        FrocDisplay.from_predictions(MASKS, {})
