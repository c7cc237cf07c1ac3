"""Grids of features: what they refuse, and the way back to pixels."""

from __future__ import annotations

import numpy as np
import pytest

from ctmri_detect.features import FeatureGrid

RNG = np.random.default_rng(0)


def grid_of(seen, stride=8):
    """A grid without information, of which some cells were seen."""
    return FeatureGrid(np.zeros((*seen.shape, 1), np.float32), seen, stride)


@pytest.mark.parametrize(("stride", "side"), [(8, 128), (4, 61), (2.5, 40), (32, 20)])
def test_a_plane_of_scores_comes_back_as_the_same_plane(stride, side):
    cells = -(-side // stride)
    grid = grid_of(np.ones((1, 2, int(cells), int(cells)), bool), stride)
    rows, columns = grid.centres()
    scores = np.stack([rows[:, None] + 0 * columns, 2 * columns - rows[:, None]])[None]
    y, x = np.mgrid[:side, :side]
    y, x = np.clip(y, rows[0], rows[-1]), np.clip(x, columns[0], columns[-1])
    expected = np.stack([y, 2 * x - y])[None]
    np.testing.assert_allclose(grid.spread(scores, (side, side)), expected, atol=1e-4)


def test_centres_are_those_of_the_cells_pixels():
    rows, columns = grid_of(np.ones((1, 1, 2, 3), bool), 4).centres()
    np.testing.assert_array_equal(rows, [np.arange(4).mean(), np.arange(4, 8).mean()])
    np.testing.assert_array_equal(columns, [1.5, 5.5, 9.5])


def test_unseen_cells_take_the_nearest_seen_score():
    seen = np.ones((1, 2, 4, 4), bool)
    seen[0, 0, :, 2:] = False
    seen[0, 1] = False
    scores = np.broadcast_to(np.arange(4.0), (1, 2, 4, 4)).copy()
    scores[~seen] = 1e9  # ignored
    maps = grid_of(seen).spread(scores, (32, 32))
    np.testing.assert_allclose(maps[0, 0, :, 12:], 1)
    assert not maps[0, 1].any()


def test_maps_stay_within_the_scores_and_samples_apart():
    grid = grid_of(RNG.random((3, 2, 5, 7)) > 0.3, 3)
    scores = RNG.normal(size=(3, 2, 5, 7))
    maps = grid.spread(scores, (14, 20))
    for one, of, seen in zip(maps, scores, grid.seen, strict=True):
        assert of[seen].min() - 1e-6 <= one.min() <= one.max() <= of[seen].max() + 1e-6
    alone = grid_of(grid.seen[1:2], 3).spread(scores[1:2], (14, 20))
    np.testing.assert_allclose(alone, maps[1:2], atol=1e-6)


def test_unseen_cells_may_hold_anything_and_values_become_float32():
    values, seen = RNG.normal(size=(1, 1, 2, 2, 3)), np.ones((1, 1, 2, 2), bool)
    values[0, 0, 0, 0], seen[0, 0, 0, 0] = np.nan, False
    assert FeatureGrid(values, seen, 4).values.dtype == np.float32


VALUES, SEEN = np.zeros((1, 2, 4, 4, 3)), np.ones((1, 2, 4, 4), bool)


@pytest.mark.parametrize(
    ("values", "seen", "stride", "said"),
    [
        (VALUES[0], SEEN, 8, r"values has shape \(2, 4, 4, 3\).*expected floats"),
        (VALUES.astype(int), SEEN, 8, "dtype int64; expected floats"),
        (VALUES, SEEN[:, :1], 8, r"seen has shape \(1, 1, 4, 4\).*expected bool \(1, 2, 4, 4\)"),
        (VALUES, SEEN.astype(int), 8, "dtype int64; expected bool"),
        (VALUES, SEEN, 0, "stride is 0; expected a number of pixels above 0"),
        (VALUES, SEEN, float("nan"), "stride is nan"),
        (VALUES + np.nan, SEEN, 8, "32 seen cells hold NaN"),
    ],
)
def test_what_is_no_grid_is_refused(values, seen, stride, said):
    with pytest.raises(ValueError, match=said):
        FeatureGrid(values, seen, stride)


def test_scores_of_another_grid_are_refused():
    with pytest.raises(ValueError, match=r"scores has shape \(4, 4\); expected \(1, 2, 4, 4\)"):
        FeatureGrid(VALUES, SEEN, 8).spread(np.zeros((4, 4)), (32, 32))
