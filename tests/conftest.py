"""One thread a worker: the test runner already uses all cores, and threads that wait cost more."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: the garbage collector need not look at them.

    A benchmark collects garbage before each cell, and took several times as long for it.
    """
    gc.collect()
    gc.freeze()
