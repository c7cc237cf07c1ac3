"""Peak memory of a piece of work, by sampling."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import threading
from pathlib import Path

_STATM = Path("/proc/self/statm")
_INTERVAL = 0.005  # seconds between two looks


class PeakMemory:
    """How much the resident memory of this process rose above its level at the start.

    On Linux it counts anonymous pages only (resident minus shared of ``/proc/self/statm``),
    because the pages of a memory-mapped file are not the detector's. Elsewhere it is psutil's
    resident set, and NaN without psutil. A thread looks every 5 ms, so it can miss shorter peaks.
    Memory that earlier work has freed is first returned to the system, where the C library can do
    that (glibc). Elsewhere it may be used again, and that does not count as a rise. Child
    processes and accelerators are not counted.

    Attributes
    ----------
    increase_mb : float
        MiB (2**20 bytes), 0 or more.

    Examples
    --------
    >>> with PeakMemory() as memory:
    ...     block = bytearray(2**26)
    >>> memory.increase_mb > 32 or memory.increase_mb != memory.increase_mb
    True
    """

    def __enter__(self) -> PeakMemory:
        _give_back_free_memory()
        self._start = self._peak = resident_bytes()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()
        self.increase_mb = (self._peak - self._start) / 2**20

    def _watch(self) -> None:
        while not self._done.wait(_INTERVAL):
            self._look()

    def _look(self) -> None:
        self._peak = max(self._peak, resident_bytes())


def _give_back_free_memory() -> None:
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def resident_bytes() -> float:
    """Resident memory of this process in bytes, as `PeakMemory` counts it."""
    if _STATM.exists():
        _, resident, shared, *_ = _STATM.read_text().split()
        return float(int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    if importlib.util.find_spec("psutil"):
        import psutil

        return float(psutil.Process().memory_info().rss)
    return float("nan")
