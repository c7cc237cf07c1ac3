"""Samples that steps warn of: at once, or later for all blocks of a larger set together."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_later = threading.local()


@contextmanager
def told_later(steps: Sequence[Any], *, looked: int = 0) -> Iterator[list[list[int]]]:
    """The rows that each step would warn of in this thread; nothing is said meanwhile.

    Whether they are too many can be said only of all blocks together. The first `looked` steps have
    looked at all samples before, and don't look at each block again.
    """
    named: list[list[int]] = [[] for _ in steps]
    _later.known = {id(step): rows for step, rows in zip(steps, named, strict=True)}
    _later.looked = {id(step) for step in steps[:looked]}
    try:
        yield named
    finally:
        _later.known, _later.looked = {}, set()


def is_told_later(step: object, rows: Sequence[int]) -> bool:
    """Whether these rows are kept for later."""
    kept = getattr(_later, "known", {}).get(id(step))
    if kept is None:
        return False
    kept.extend(rows)
    return True


def has_looked(step: object) -> bool:
    """Whether it has looked at all samples, of which the present ones are a block."""
    return id(step) in getattr(_later, "looked", ())
