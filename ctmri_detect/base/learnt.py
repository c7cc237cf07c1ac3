"""What `transform` learns of samples, at hand again when their maps are taken back.

The caller keeps it as long as its pass over the samples lasts; the step keeps nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_passes = threading.local()


@contextmanager
def at_hand(step: object, learnt: list[Any]) -> Iterator[None]:
    """While this thread is inside, `step` fills `learnt`, or finds in it what it filled in before.

    Examples
    --------
    >>> step, learnt = object(), []
    >>> with at_hand(step, learnt):
    ...     remember(step, ["a", "b"])
    >>> learnt
    ['a', 'b']
    >>> with at_hand(step, learnt[1:]):
    ...     recall(step), recall(object())
    (['b'], None)
    """
    before = getattr(_passes, "now", None)
    _passes.now = (step, learnt)
    try:
        yield
    finally:
        _passes.now = before


def remember(step: object, learnt: Sequence[Any] | None) -> None:
    """Keep what the step learnt of each sample, if somebody asked for it."""
    now = getattr(_passes, "now", None)
    if now is not None and now[0] is step and learnt is not None:
        now[1][:] = learnt


def recall(step: object) -> list[Any] | None:
    """What the step learnt of each sample; None if it is not known."""
    now = getattr(_passes, "now", None)
    if now is None or now[0] is not step or not now[1]:
        return None
    return list(now[1])
