"""Warnings that point at the user's line, once per call."""

from __future__ import annotations

import sys
import sysconfig
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

_WARNED: WeakKeyDictionary[Any, set[type[Warning]]] = WeakKeyDictionary()
_WARNED_AS_WORKER: set[type[Warning]] = set()
_keeping = threading.local()

Told = list[tuple[type[Warning], str]]


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the user's innermost frame, once per search.

    scikit-learn's searches and cross-validations fit many times in one call, and show a warning
    each time. They hold a local ``parallel`` (joblib's `Parallel`) as long as the call lasts: a
    category that was shown once under it is not shown again. Workers don't see the call, and show
    a category once in each process.
    """
    kept: Told | None = getattr(_keeping, "told", None)
    if kept is not None:
        kept.append((category, message))
        return
    level, frame, search = 2, sys._getframe(1), None
    while frame.f_back is not None and _is_own(frame):
        if frame.f_code.co_filename.startswith(_SEARCHES):
            search = frame.f_locals.get("parallel", search)
        frame, level = frame.f_back, level + 1
    if _is_own(frame):
        said = _WARNED_AS_WORKER
    elif search is not None:
        said = _WARNED.setdefault(search, set())
    else:
        said = set[type[Warning]]()
    if category not in said:
        said.add(category)
        warnings.warn(message, category, stacklevel=level)


def first_of(messages: Sequence[str]) -> str:
    """The first of several warnings of one kind, and how many more there were if others differ.

    Examples
    --------
    >>> first_of(["3 slices are odd.", "5 slices are odd."])
    '3 slices are odd. (and 1 more such warnings)'
    """
    more = f" (and {len(messages) - 1} more such warnings)" if len(set(messages)) > 1 else ""
    return f"{messages[0]}{more}"


@contextmanager
def warnings_kept() -> Iterator[Told]:
    """Keep what `warn_user` says in this thread, and show nothing; for a worker to send home."""
    before, told = getattr(_keeping, "told", None), Told()
    _keeping.told = told
    try:
        yield told
    finally:
        _keeping.told = before


def inside_search() -> bool:
    """Whether a search or a cross-validation of scikit-learn is running this."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(_SEARCHES):
        frame = frame.f_back
    return frame is not None


def _is_own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_BETWEEN)


def _folder(package: str) -> str:
    spec = find_spec(package)
    return f"{Path(spec.origin).parent}/" if spec is not None and spec.origin else "\0"


_SEARCHES = f"{_folder('sklearn')}model_selection"
_STDLIB = f"{sysconfig.get_path('stdlib')}/"
_BETWEEN = (  # the user's line and the warning
    "<frozen runpy>",
    *(_folder(package) for package in ("ctmri_detect", "sklearn", "joblib")),
    *(f"{_STDLIB}{name}" for name in ("threading.py", "concurrent/", "multiprocessing/")),
)
