"""Silence for what readers of other packages say about damaged headers."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

_turn = threading.Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warning gets out: what matters of the damage is an error of ours.

    Python silences the whole process and not one thread, so threads take turns; keep it short.
    """
    with _turn, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
