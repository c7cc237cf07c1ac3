"""Work on several threads; numpy, OpenCV and SciPy let go of the interpreter while they compute."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

MOST_THREADS = 8  # each has a block of samples in memory
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_inside = threading.local()


def thread_pools() -> ThreadpoolController:
    """The thread pools of BLAS and OpenMP in this process.

    Looking for them takes milliseconds, so it is done again only if modules have been imported
    since: an import is what brings new ones.
    """
    return _found_with(len(sys.modules))


@lru_cache(maxsize=1)
def _found_with(n_modules: int) -> ThreadpoolController:
    return ThreadpoolController()


def threads_allowed() -> int:
    """How many threads may be used: as many as BLAS may, at most one a core and at most 8.

    So what limits BLAS limits the library: ``threadpoolctl.threadpool_limits``, the environment
    variables ``OMP_NUM_THREADS`` and ``OPENBLAS_NUM_THREADS``, and joblib's workers, which set
    them. If no limit of BLAS is known, the number of cores decides.

    Examples
    --------
    >>> from threadpoolctl import threadpool_limits
    >>> with threadpool_limits(1):
    ...     threads_allowed()
    1
    """
    if getattr(_inside, "worker", False):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    allowed = [pool["num_threads"] for pool in thread_pools().info() if pool["user_api"] == "blas"]
    return max(1, min(cores or 1, MOST_THREADS, max(allowed, default=MOST_THREADS)))


def map_threads(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """``[function(item) for item in items]`` on as many threads as are allowed.

    Meanwhile BLAS has one thread, so that the results do not depend on the number of threads, and
    no more threads run than are allowed. Called inside one of its own workers, it starts no others.

    Parameters
    ----------
    function : callable
        A call must not change what another call reads.
    items : iterable

    Returns
    -------
    list
        In the order of `items`.

    Examples
    --------
    >>> map_threads(abs, [-2, 1, -3])
    [2, 1, 3]
    """
    items = list(items)
    threads = min(threads_allowed(), len(items)) if len(items) > 1 else 1
    with _one_blas_thread():
        if threads == 1:
            return [function(item) for item in items]
        with ThreadPoolExecutor(threads, initializer=_mark_worker) as pool:
            calls = [pool.submit(function, item) for item in items]
            try:
                return [call.result() for call in calls]
            finally:
                pool.shutdown(cancel_futures=True)  # after an error, what has not begun is left


def _mark_worker() -> None:
    _inside.worker = True


_lock = threading.Lock()
_users = 0
_limits: Any = None


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """The limit is the process's: the first to come sets it, the last to leave lifts it."""
    global _users, _limits
    with _lock:
        if not _users:
            _limits = thread_pools().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _limits.restore_original_limits()
