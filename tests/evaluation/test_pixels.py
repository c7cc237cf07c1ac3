import numpy as np
import pytest

from ctmri_detect.evaluation.pixels import PixelCounts
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_average_precision_score


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    masks = rng.random((6, 24, 24)) < 0.05
    maps = (rng.normal(size=masks.shape) + 2 * masks).astype(np.float16).astype(np.float32)
    maps[rng.random(masks.shape) < 0.1] = np.nan
    return masks, maps


def counted(masks, maps):
    counts = PixelCounts()
    for i, (mask, plane) in enumerate(zip(masks, maps, strict=True)):
        counts.add("ab"[i % 2], mask, plane)
    return counts


def test_counting_equals_keeping_all_pixels(samples):
    masks, maps = samples
    counts = counted(masks, maps)
    assert counts.average_precision(["a", "b"]) == pytest.approx(
        anomaly_map_average_precision_score(masks, maps), abs=1e-12
    )
    assert counts.average_precision(["b"]) == pytest.approx(
        anomaly_map_average_precision_score(masks[1::2], maps[1::2]), abs=1e-12
    )


def test_rounding_to_float16_moves_the_figure_by_little(samples):
    masks, maps = samples
    fine = maps + 1e-4 * np.random.default_rng(1).normal(size=maps.shape)
    exact = anomaly_map_average_precision_score(masks, fine)
    assert counted(masks, fine).average_precision(["a", "b"]) == pytest.approx(exact, abs=2e-3)


def test_the_order_of_samples_does_not_matter(samples):
    masks, maps = samples
    order = [4, 1, 2, 5, 0, 3]  # keeps the kinds
    one = counted(masks, maps)
    two = counted(masks[order], maps[order])
    assert one.average_precision(["a", "b"]) == two.average_precision(["a", "b"])


def test_no_lesion_pixel_gives_nan(samples):
    masks, maps = samples
    assert np.isnan(counted(np.zeros_like(masks), maps).average_precision(["a"]))
    assert np.isnan(counted(masks, maps).average_precision(["unheard of"]))


def test_another_grid_and_infinity_are_refused():
    counts = PixelCounts()
    with pytest.raises(InvalidPairsError, match="expected the same"):
        counts.add("a", np.zeros((4, 4), bool), np.zeros((5, 4)))
    with pytest.raises(InvalidPairsError, match="infinity"):
        counts.add("a", np.zeros((1, 1), bool), np.full((1, 1), np.inf))
