"""What the command says: results on stdout, all else as short lines on stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from ctmri_detect.exceptions import CtmriDetectWarning

PROGRAM = "ctmri-detect"


def say(text: str = "") -> None:
    """A line of the result, on stdout."""
    sys.stdout.write(f"{text}\n")


def tell(text: str) -> None:
    """A message on stderr, which does not break a progress bar."""
    tqdm.write(f"{PROGRAM}: {text}", file=sys.stderr)


def note(text: str, *, quiet: bool) -> None:
    """A message about progress, on a terminal only."""
    if sys.stderr.isatty():
        begin(text, quiet=quiet)


def begin(text: str, *, quiet: bool) -> None:
    """A line before work of minutes; in a log, where no bars are, it is all that tells of it."""
    if not quiet:
        tell(text)


def hide_progress(*, quiet: bool) -> bool | None:
    """tqdm's `disable`: None shows bars on a terminal only, so that logs stay short."""
    return True if quiet else None


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, or its type where it has none.

    Examples
    --------
    >>> one_line(ValueError("X is\\n  odd."))
    'X is odd.'
    """
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def short_warnings(*, everything: bool = False) -> Iterator[None]:
    """The library's warnings as one line each, once; those of others only with `everything`."""
    with warnings.catch_warnings():
        if not everything:
            warnings.simplefilter("ignore")
        warnings.simplefilter("once", CtmriDetectWarning)
        before = warnings.showwarning
        told = set[str]()  # "once" forgets whenever somebody changes a filter

        def show(message: Any, category: Any, filename: str, lineno: int, *rest: Any) -> None:
            if issubclass(category, CtmriDetectWarning):
                text = " ".join(str(message).split())
                if text not in told:
                    tell(f"warning: {text}")
                told.add(text)
            else:
                before(message, category, filename, lineno, *rest)

        warnings.showwarning = show  # type: ignore[assignment]
        yield
