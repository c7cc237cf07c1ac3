"""Laws of threads: they change how long scoring takes, and nothing else."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ctmri_detect import AtlasDetector, MapScoring
from ctmri_detect.base import BasePairedDetector, Traits

X = np.random.default_rng(0).normal(size=(70, 2, 24, 24)).astype(np.float32)


@pytest.fixture
def three(monkeypatch):
    """Three threads, however many cores there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores < 3:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    with threadpool_limits(3, user_api="blas"):
        yield


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


class Watched(BasePairedDetector):
    """Its residual is X; a function is called for each block meanwhile."""

    traits = Traits(trains=False, threadsafe=True)

    def __init__(self, watch=None, map_scoring=None):
        self.watch = watch
        self.map_scoring = map_scoring

    def _default_map_scoring(self):
        return MapScoring(reference=None, symmetry=False)

    def _fit(self, X):
        pass

    def _residual(self, X):
        if self.watch is not None:
            self.watch(X)
        return X


@pytest.fixture(scope="module")
def fitted():
    return Watched().fit(X, groups=range(70))


def watched(fitted, watch):
    """The fitted detector, watched from now on."""
    return fitted.set_params(watch=watch)


def test_results_come_in_the_order_of_the_samples(fitted, three):
    expected = watched(fitted, None).residual_map(X)

    def slow_first(block):
        time.sleep(0.1 * bool((block[0] == X[0]).all()))

    np.testing.assert_array_equal(watched(fitted, slow_first).residual_map(X), expected)


def test_blocks_are_shared_between_threads(fitted, three):
    barrier = threading.Barrier(3, timeout=20)  # passes only where three wait at once
    watched(fitted, lambda _: barrier.wait()).residual_map(X[:48])


def test_blas_has_one_thread_meanwhile_and_its_own_number_after(fitted, three):
    before, seen = blas_threads(), []
    for n in (1, 70):
        watched(fitted, lambda _: seen.append(blas_threads())).residual_map(X[:n])
    assert all(found == {1} for found in seen)
    assert blas_threads() == before


def test_an_error_comes_through_and_leaves_no_limit(fitted, three):
    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        watched(fitted, lambda block: 1 // int((block[0] != X[16]).any())).residual_map(X)
    assert blas_threads() == before


def test_two_callers_at_once_leave_no_limit(three):
    before, done = blas_threads(), threading.Barrier(3, timeout=20)

    def call(pause):
        detector = Watched().fit(X[:32], groups=range(32))
        watched(detector, lambda _: time.sleep(pause)).residual_map(X[:32])
        done.wait()

    for pause in (0.01, 0.05):
        threading.Thread(target=call, args=(pause,)).start()
    done.wait()
    assert blas_threads() == before


def test_what_limits_blas_limits_the_threads(fitted, three):
    at_once, most, lock = [], [], threading.Lock()

    def count(_):
        with lock:
            at_once.append(1)
            most.append(len(at_once))
        time.sleep(0.01)
        with lock:
            at_once.pop()

    with threadpool_limits(1, user_api="blas"):
        watched(fitted, count).residual_map(X)
    assert max(most) == 1


def test_a_worker_asks_no_further_workers(fitted, three):
    inner = Watched().fit(X[:32], groups=range(32))
    pairs = []

    def score_again(_):
        outside = threading.current_thread()
        again = Watched(lambda _: pairs.append((outside, threading.current_thread())))
        vars(again).update({k: v for k, v in vars(inner).items() if k != "watch"})
        again.residual_map(X[:32])

    watched(fitted, score_again).residual_map(X[:48])
    assert len(pairs) == 6
    assert all(outside is inside for outside, inside in pairs)


def test_any_number_of_threads_gives_the_same_bits(three):
    found = []
    for n in (1, 3):
        with threadpool_limits(n, user_api="blas"):
            detector = AtlasDetector().fit(X, groups=range(70))
            found.append((detector.anomaly_map(X), detector.score_samples(X)))
    for one, many in zip(*found, strict=True):
        np.testing.assert_array_equal(one, many)
