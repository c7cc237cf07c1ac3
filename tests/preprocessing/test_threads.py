"""Laws of steps in threads: they change how long a step takes, and nothing else."""

from __future__ import annotations

import os
import threading
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_limits

from ctmri_detect import Pairs
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.exceptions import BrainNotFoundWarning, InvalidPairsError
from ctmri_detect.preprocessing import (
    CTWindow,
    PairRegistrar,
    make_preprocessor,
    transform_to,
)

X = np.random.default_rng(0).uniform(-50, 90, size=(40, 2, 24, 24)).astype(np.float32)


@pytest.fixture
def two(monkeypatch):
    """Two threads, however many cores there are."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with threadpool_limits(2, user_api="blas"):
        yield


class Watched(BasePairedTransformer):
    """Doubles X; a function is called for each block meanwhile."""

    traits = Traits(threadsafe=True, missing_modality=True)

    def __init__(self, watch=None):
        self.watch = watch

    def _transform(self, X):
        if self.watch is not None:
            self.watch(X)
        return 2 * X


class Unsafe(Watched):
    traits = Traits(missing_modality=True)


class Plain(BasePairedTransformer):
    """A step that says nothing about threads."""

    def __init__(self, watch):
        self.watch = watch

    def _transform(self, X):
        self.watch(X)
        return X


def most_at_once(step):
    """How many threads are in the step at the same time."""
    inside, most, lock = [], [], threading.Lock()

    def watch(_):
        with lock:
            inside.append(1)
            most.append(len(inside))
        time.sleep(0.01)
        with lock:
            inside.pop()

    step.set_params(watch=watch).transform(X)
    return max(most)


def test_one_and_two_threads_give_the_same_bits(two):
    heads = make_phantom_pairs(3, 6, size=96, random_state=100).data
    assert heads.spacing is not None
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(make_preprocessor("hu", size=64).fit_transform(heads))
    one, many = found
    assert_array_equal(np.asarray(one), np.asarray(many))
    assert_array_equal(one.spacing, many.spacing)


def test_blocks_are_shared_between_threads(two):
    barrier = threading.Barrier(2, timeout=20)  # passes only where two wait at once
    assert_array_equal(Watched(lambda _: barrier.wait()).transform(X), 2 * X)


def test_samples_keep_their_order(two):
    slow_first = Watched(lambda block: time.sleep(0.1 * bool((block[0] == X[0]).all())))
    assert_array_equal(slow_first.transform(X), 2 * X)


@pytest.mark.parametrize("step", [Unsafe(), Plain(None)], ids=["says so", "says nothing"])
def test_a_step_that_is_not_thread_safe_is_called_by_one_thread_at_a_time(two, step):
    assert most_at_once(step) == 1


def test_what_limits_blas_limits_the_threads_of_a_step(two):
    with threadpool_limits(1, user_api="blas"):
        assert most_at_once(Watched()) == 1
    assert most_at_once(Watched()) == 2


def test_the_first_error_in_the_order_of_the_samples_is_seen(two):
    def refuse(block):
        row = int(np.flatnonzero((block[:1] == X).all(axis=(1, 2, 3)))[0])
        if row >= 8:
            time.sleep(0.05 if row < 16 else 0)  # the later ones fail sooner
            raise ZeroDivisionError(f"row {row}")

    with pytest.raises(ZeroDivisionError, match=r"^row 8$"):
        Watched(refuse).transform(X)
    with pytest.raises(ZeroDivisionError, match=r"^row 8$"):
        Unsafe(refuse).transform(X)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_names_the_samples_of_several_blocks(two, threads):
    wrong = X.copy()
    wrong[[9, 22, 38], 0] = 9e4
    with threadpool_limits(threads, user_api="blas"), pytest.raises(InvalidPairsError) as error:
        CTWindow().transform(wrong)
    assert "3 samples (9, 22, 38)" in str(error.value)


def test_an_error_counts_from_a_row_that_it_names(two):
    wrong = np.concatenate([X, X])
    wrong[[70, 79], 0] = 9e4
    with pytest.raises(InvalidPairsError, match=r"Row 0 is row 64 of X: .* 2 samples \(6, 15\)"):
        CTWindow().transform(wrong)


@pytest.mark.parametrize("threads", [1, 2])
def test_one_warning_names_the_rows_of_all_blocks(two, threads):
    heads = np.asarray(make_phantom_pairs(2, 8, size=64, random_state=100).data)
    heads[[2, 9, 15], 0] = -1000
    with threadpool_limits(threads, user_api="blas"), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        make_preprocessor("hu", size=32).transform(heads)
    found = [str(w.message) for w in told if issubclass(w.category, BrainNotFoundWarning)]
    assert len(found) == 1
    assert "3 of 16 samples (2, 9, 15)" in found[0]


class OneReader:
    """An array that notices two readers at once, and how many samples are asked for."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.reading, self.most, self.asked = threading.Lock(), 0, []

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        assert self.reading.acquire(blocking=False), "two threads read at once"
        time.sleep(0.002)
        block = self.values[key]
        self.asked.append(len(block))
        self.reading.release()
        return block


def test_a_lazy_source_is_read_by_one_thread_at_a_time_in_small_blocks(two):
    source = OneReader(X)
    assert_array_equal(np.asarray(Watched().transform(Pairs(source))), 2 * X)
    own = source.asked[source.asked.index(40) + 1 :]  # after all of X was checked
    assert sum(own) == 40
    assert max(own) <= 8


def test_transform_to_uses_threads_too(two, tmp_path):
    barrier = threading.Barrier(2, timeout=20)
    written = transform_to(Watched(lambda _: barrier.wait()), X, tmp_path / "x.npy")
    assert_array_equal(written, 2 * X)


def test_the_caller_s_values_are_left_alone(two):
    before = X.copy()
    make_preprocessor("hu", size=16).set_params(brainmask__source="observed").transform(X)
    Pairs(X)[:4]
    assert_array_equal(X, before)


def test_motions_are_the_same_for_any_number_of_threads(two):
    pytest.importorskip("SimpleITK")
    heads = make_phantom_pairs(2, 2, size=64, random_state=100).data
    tables = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            tables.append(PairRegistrar(max_shift=4).estimate(heads))
    assert tables[0].equals(tables[1])
    assert tables[0]["sample"].tolist() == [0, 1, 2, 3]
