"""One number of threads for everything that a cell computes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from ctmri_detect._threads import thread_pools

_VARIABLE = "OMP_NUM_THREADS"  # torch reads it when it is imported


@contextmanager
def pinned_threads(n_threads: int) -> Iterator[None]:
    """Let BLAS, OpenMP, OpenCV and torch use this many threads, so that times can be compared.

    Parameters
    ----------
    n_threads : int

    Examples
    --------
    >>> with pinned_threads(1):
    ...     cv2.getNumThreads()
    1
    """
    before, of_opencv = os.environ.get(_VARIABLE), cv2.getNumThreads()
    torch = sys.modules.get("torch")
    of_torch = torch.get_num_threads() if torch else None
    os.environ[_VARIABLE] = str(n_threads)
    cv2.setNumThreads(n_threads)
    if torch:
        torch.set_num_threads(n_threads)
    try:
        with thread_pools().limit(limits=n_threads):
            yield
    finally:
        cv2.setNumThreads(of_opencv)
        if torch:
            torch.set_num_threads(of_torch)
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
