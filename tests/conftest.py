"""One thread a worker: the test runner already uses all cores, and threads that wait cost more."""

from __future__ import annotations

import gc
import os
import shutil

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: the garbage collector need not look at them.

    A benchmark collects garbage before each cell, and took several times as long for it.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def browser():
    """Chromium; tests that want it are skipped where it is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()
