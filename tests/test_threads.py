"""Laws of threads: they change how long it takes, and nothing else."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ctmri_detect import AtlasDetector, _threads
from ctmri_detect._threads import map_threads, threads_allowed


@pytest.fixture
def three(monkeypatch):
    """Three threads, however many cores there are."""
    monkeypatch.setattr(_threads, "threads_allowed", lambda: 3)


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_results_come_in_the_order_of_the_items(three):
    def slow_first(n):
        time.sleep(0.02 / (1 + n))
        return n * n

    assert map_threads(slow_first, range(20)) == [n * n for n in range(20)]
    assert map_threads(slow_first, []) == []


def test_items_are_shared_between_threads(three):
    barrier = threading.Barrier(3, timeout=20)  # passes only where three wait at once
    assert sorted(map_threads(lambda _: barrier.wait(), range(3))) == [0, 1, 2]


def test_blas_has_one_thread_meanwhile_and_its_own_number_after(three):
    before = blas_threads()
    assert map_threads(lambda _: blas_threads(), range(4)) == [{1}] * 4
    assert map_threads(lambda _: blas_threads(), range(1)) == [{1}]
    assert blas_threads() == before


def test_an_error_comes_through_and_leaves_no_limit(three):
    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        map_threads(lambda n: 1 // n, [1, 0, 2])
    assert blas_threads() == before


def test_two_callers_at_once_leave_no_limit(three):
    before, done = blas_threads(), threading.Barrier(3, timeout=20)

    def call(pause):
        map_threads(lambda _: time.sleep(pause), range(2))
        done.wait()

    for pause in (0.01, 0.05):
        threading.Thread(target=call, args=(pause,)).start()
    done.wait()
    assert blas_threads() == before


def test_what_limits_blas_limits_the_threads():
    with threadpool_limits(1, user_api="blas"):
        assert threads_allowed() == 1
    assert 1 <= threads_allowed() <= _threads.MOST_THREADS


def test_a_worker_asks_no_further_workers():
    inner = map_threads(lambda _: (threads_allowed(), threading.current_thread()), range(2))
    assert {n for n, _ in inner} == {1} or threads_allowed() == 1


@pytest.mark.skipif(np.__version__ < "2", reason="kept by thread, not by context, before")
def test_the_callers_error_state_holds_in_the_threads(three):
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        map_threads(lambda n: np.ones(2) / n, [1.0, 0.0])


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    X = np.random.default_rng(0).normal(size=(70, 2, 24, 24)).astype(np.float32)
    maps = []
    for n in (1, 3):
        monkeypatch.setattr(_threads, "threads_allowed", lambda n=n: n)
        detector = AtlasDetector().fit(X)
        maps.append((detector.anomaly_map(X), detector.score_samples(X)))
    for one, many in zip(*maps, strict=True):
        np.testing.assert_array_equal(one, many)
