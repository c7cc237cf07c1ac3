"""What steps learn of samples on the way there is at hand on the way back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from ctmri_detect import Pairs
from ctmri_detect.pipelines import Route, flat_steps
from ctmri_detect.preprocessing import BrainMask, CropOrPad, Resize, make_preprocessor

SIZE = 48


@pytest.fixture(scope="module")
def heads():
    """Raw pairs of turned heads; one without CT, one without MRI, one of noise."""
    rng, planes = np.random.default_rng(0), []
    for turn in (0.0, 0.1, 0.2, 0.3, -0.1, -0.2):
        y, x = np.mgrid[-1:1:112j, -1:1:112j]
        y, x = y * np.cos(turn) - x * np.sin(turn), x * np.cos(turn) + y * np.sin(turn)
        brain = np.hypot(y / 0.62, x / 0.5) < 1
        skull = (np.hypot(y / 0.74, x / 0.62) < 1) & ~brain
        ct = cv2.GaussianBlur(np.select([brain, skull], [32.0, 900.0], -1000.0), (0, 0), 0.6)
        planes.append([ct, np.where(brain, 100.0, 2.0)])
    X = np.array(planes) + rng.normal(0, 2, (6, 2, 112, 112))
    X[1, 0] = np.nan
    X[2, 1] = np.nan
    X[3] = rng.normal(size=X[3].shape)
    return X


def steps_for(X, more=()):
    steps = [*flat_steps(make_preprocessor("hu", size=SIZE)), *more]
    return [step.fit(X) if i == 0 else step for i, step in enumerate(steps)]


def one_by_one(steps, X, maps):
    """There and back with the public methods of each step."""
    given = []
    for step in steps:
        given.append(X)
        X = step.transform(X)
    for step, before in zip(reversed(steps), reversed(given), strict=True):
        if hasattr(step, "inverse_transform_map"):
            maps = step.inverse_transform_map(maps, before)
    return maps


def maps_of(X, steps):
    """Maps on the grid of what the steps make of X, NaN where nothing was observed."""
    for step in steps:
        X = step.transform(X)
    noise = np.random.default_rng(1).normal(size=X.shape)
    return np.where(np.isnan(X), np.nan, noise).astype(np.float32)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_route_gives_the_bits_that_the_steps_give(heads, frozen):
    steps = steps_for(heads, [CropOrPad(44), Resize(40)])
    maps = maps_of(heads, steps)
    expected = one_by_one(steps, heads, maps)
    walked = [FrozenEstimator(step) for step in steps] if frozen else steps
    for X in (heads, Pairs(heads, ct_units="hu", spacing=0.8)):
        route = Route(X).walk(walked)
        np.testing.assert_array_equal(route.back(maps), expected)
        some = np.array([4, 0, 3])
        np.testing.assert_array_equal(route.back(maps[some], some), expected[some])
        np.testing.assert_array_equal(route.back(maps[2:5], np.arange(2, 5)), expected[2:5])


def test_the_way_back_looks_at_no_sample_again(heads):
    given, steps = heads.copy(), steps_for(heads)
    maps = maps_of(heads, steps)
    route = Route(given).walk(steps)
    expected = route.back(maps)
    given[:] = 0
    np.testing.assert_array_equal(route.back(maps), expected)


def test_a_step_keeps_nothing_of_a_pass(heads):
    steps = steps_for(heads)
    maps = maps_of(heads, steps)
    before = [vars(step).copy() for step in steps]
    Route(heads).walk(steps).back(maps)
    assert [vars(step) for step in steps] == before
    other = heads[::-1]
    raw = maps_of(other, steps[:1])
    expected = BrainMask().inverse_transform_map(raw, other)
    np.testing.assert_array_equal(steps[0].inverse_transform_map(raw, other), expected)


def test_passes_in_threads_do_not_disturb_one_another(heads):
    steps = steps_for(heads)
    maps = maps_of(heads, steps)

    def there_and_back(i):
        return Route(heads[i : i + 1]).walk(steps).back(maps[i : i + 1])

    rows = [0, 2, 4, 5] * 3
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(there_and_back, rows))
    for row, one in zip(rows, found, strict=True):
        np.testing.assert_array_equal(one, there_and_back(row))
