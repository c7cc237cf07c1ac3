"""A child process that makes and runs cases by their numbers, which come line by line."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from .case import Case, generator, schedule
from .laws import faults, run

_PAGES = 16  # one of so many descriptions is written as a page, too
MOST_MEMORY = 2 * 2**30
_ADDRESSES = 12 * 2**30  # a guard for the machine; what counts is the memory that was used


def one_case(
    seed: int, number: int, root: Path, *, every: int = 1, keep: bool = False
) -> dict[str, Any]:
    """Make and run a case; returns its number, kind, faults, memory (bytes) and seconds.

    `describe_pairs` runs in one of `every` cases of a kind; `keep` keeps the files.
    """
    kinds = schedule()
    made = kinds[number % len(kinds)]
    folder = root / f"case{number}"
    folder.mkdir(parents=True)
    case = Case(folder / "data", generator(seed, number))
    case.folder.mkdir()
    start = time.perf_counter()
    try:
        made.make(case)
        _forget_peak()
        start = time.perf_counter()
        turn = number // len(kinds) + number
        out = run(case, describe=turn % every == 0, page=turn % (_PAGES * every) == 0)
        found = list(faults(case, out))
        seconds, memory = time.perf_counter() - start, _peak()
        if memory > MOST_MEMORY:
            found.append(f"took {memory / 2**20:.0f} MiB")
    except Exception:  # a fault of the fuzz itself
        found = [f"the case itself fails: {traceback.format_exc(limit=-3)[-700:]}"]
        seconds, memory = time.perf_counter() - start, 0
    finally:
        if not keep:
            _remove(folder)
    return {
        "number": number,
        "kind": made.name,
        "known": case.known,
        "faults": found,
        "seconds": seconds,
        "memory": memory,
    }


def _remove(folder: Path) -> None:
    os.chmod(folder / "data", 0o755)
    for parent, names, _ in os.walk(folder):
        for name in names:
            if not os.path.islink(os.path.join(parent, name)):
                os.chmod(os.path.join(parent, name), 0o755)
    shutil.rmtree(folder)


def _forget_peak() -> None:
    """Let the peak of the resident memory start again from what is in use."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # no Linux: the peak of the whole process counts
        return


def _peak() -> int:
    try:
        text = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _disk() -> str | None:
    """A disk in memory, where there is one: most of the time went into removing files."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main() -> None:
    """Answer each number on stdin with a line of JSON."""
    seed, every = (int(word) for word in sys.argv[1:])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a reader prints is no answer
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, hard))
    with tempfile.TemporaryDirectory(prefix="fuzz", dir=_disk()) as name:
        os.chmod(name, 0o755)
        for line in sys.stdin:
            answers.write(json.dumps(one_case(seed, int(line), Path(name), every=every)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
