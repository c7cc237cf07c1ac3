"""Pairs over arrays in h5py and zarr files: read as they are asked for, sent by their path."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from heads import make_heads
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.preprocessing import Resize, transform_to

N = 12
HEADS = make_heads(N, seed=1)
NAMES = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c", "d"], [1, 2, 4, 5]))


@pytest.fixture(params=["h5py", "zarr"])
def stored(request, tmp_path):
    """The heads in a file, and an array over it."""
    package = pytest.importorskip(request.param)
    if request.param == "zarr":
        array = package.open_array(
            tmp_path / "a.zarr", mode="w", shape=HEADS.shape, chunks=(5, 1, 8, 8), dtype="f4"
        )
        array[:] = HEADS
        yield package.open_array(tmp_path / "a.zarr", mode="r")
        return
    with package.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("pairs/raw", data=HEADS, chunks=(5, 1, 8, 8))
    with package.File(tmp_path / "a.h5", "r") as file:
        yield file["pairs/raw"]


@pytest.mark.parametrize(
    "key",
    [slice(2, 9), slice(None, None, -3), [5, 2, 2], np.array([7, 0]), np.arange(N) % 3 == 0, []],
    ids=str,
)
def test_a_choice_of_samples_is_that_of_the_array_in_memory(stored, key):
    found, expected = (Pairs(array, groups=NAMES)[key] for array in (stored, HEADS))
    assert_array_equal(found.groups, expected.groups)
    assert_array_equal(np.asarray(found), np.asarray(expected))
    assert found.dtype == np.float32


def test_other_indices_and_loops_give_plain_values(stored):
    pairs = Pairs(stored)
    assert_array_equal(pairs[3], HEADS[3])
    assert_array_equal(pairs[[4, 1], 0, ::2], HEADS[[4, 1], 0, ::2])
    assert_array_equal(np.stack(list(pairs)), HEADS)


def taken(part):
    """What another process finds."""
    return part.groups.tolist(), np.asarray(part)


def test_they_are_sent_by_their_path(stored):
    rows = np.array([9, 3, 10])
    part = Pairs(stored, groups=NAMES)[rows]
    sent = pickle.dumps(part)
    assert len(sent) < HEADS[0].nbytes  # no values in it
    assert_array_equal(np.asarray(pickle.loads(sent)), HEADS[rows])
    for names, values in Parallel(n_jobs=2)(delayed(taken)(part) for _ in range(2)):
        assert names == NAMES[rows].tolist()
        assert_array_equal(values, HEADS[rows])


def test_a_detector_and_the_steps_read_them_like_any_array(stored, tmp_path):
    y = np.ones(N, int)
    models = [
        AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.3)).fit(X, y, groups=names)
        for X, names in ((Pairs(stored, groups=NAMES), None), (stored, NAMES), (HEADS, NAMES))
    ]
    offsets = {model.offset_ for model in models}
    assert len(offsets) == 1
    scores = [
        model.score_samples(X)
        for model, X in zip(models, (stored, Pairs(stored), HEADS), strict=True)
    ]
    assert_array_equal(scores[0], scores[2])
    assert_array_equal(scores[1], scores[2])
    written = transform_to(Resize(8), Pairs(stored, groups=NAMES), tmp_path / "b.npy", batch_size=5)
    assert_array_equal(np.asarray(written), Resize(8).transform(HEADS))
    assert_array_equal(written.groups, NAMES)
