"""Silence the warnings of other packages about damaged headers."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

_turn = threading.Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings in a block; damage that matters is an error of this library.

    Python can silence only the whole process, not one thread. So threads wait for one another:
    keep the block short.
    """
    with _turn, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
