"""One thread a worker: the test runner already uses all cores, and threads that wait cost more."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
