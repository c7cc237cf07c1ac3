"""Silence for what readers of other packages say about damaged headers."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

_turn = threading.Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings; damage that matters is raised as an error of this library.

    Python can silence only the whole process, not one thread, so threads take turns: keep the block
    short.
    """
    with _turn, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
