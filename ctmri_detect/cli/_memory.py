"""Whether the samples of a folder fit into memory, or else into a file beside the results."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.images import read_size
from ctmri_detect.layouts.planes import first_file, is_sample, plane_columns

AT_ONCE = 2**26  # bytes of samples that `score` holds in memory; if they need more, a file does
_COPIES = 3  # copies of the pairs in memory at the same time: raw, masked, windowed
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def cache_needed(args: argparse.Namespace, found: pd.DataFrame, cache: Path | None) -> Path | None:
    """The file for the samples if they need more than `AT_ONCE`; None if they stay in memory.

    Slices that don't fit into memory, or on the disk of the file, are refused. How many slices
    volumes give is not known yet, so volumes go to the file, if there is one.
    """
    shape = _shape(args, found)
    if shape is None:
        return cache
    n, planes, height, width = shape
    needed = 4 * int(np.prod(shape))
    if cache is None or needed <= AT_ONCE:
        refuse_too_many(n, height, width, planes)
        return None
    if needed > (free := shutil.disk_usage(cache.parent).free):
        raise ValueError(
            f"{n} pairs of {height} x {width} pixels need {needed / 2**30:.1f} GiB in --out while "
            f"they are scored, and {free / 2**30:.1f} GiB are free there. Give a smaller "
            "--image-size, or another --out."
        )
    return cache


def _shape(args: argparse.Namespace, found: pd.DataFrame) -> tuple[int, int, int, int] | None:
    """Samples, planes, height and width of the slices in a folder; None where unknown."""
    rows = found[is_sample(found)]
    if found.attrs["kind"] != "slices" or rows.empty:
        return None
    side, first = args.image_size, first_file(rows.iloc[0])
    try:
        height, width = (side, side) if side else read_size(Path(args.folder) / first)
    except DataLoadingError:
        return None  # the loader says what is wrong with it
    return len(rows), len(plane_columns(rows)), height, width


def refuse_too_many(n: int, height: int, width: int, planes: int = 2) -> None:
    """Refuse `n` samples of this size, where the memory is not enough."""
    needed, free = _COPIES * n * planes * height * width * 4, free_memory()
    if free is not None and needed > free:
        raise ValueError(
            f"{n} pairs of {height} x {width} pixels need {needed / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} GiB are free. Give a smaller --image-size, or fewer pairs."
        )


def free_memory() -> float | None:
    """Bytes that this process can still get, where the system tells it (Linux); else None."""
    free: list[float] = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        known = {
            name: float(rest.split()[0]) * 1024 for name, rest in (x.split(":") for x in lines)
        }
        free.append(known["MemAvailable"] + known["SwapFree"])
    except (OSError, ValueError, KeyError):
        pass
    for limit in _LIMITS:
        try:
            free.append(float(Path(limit).read_text()))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return min(free, default=None)
