"""Checks before the images are read, so that errors come early."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ctmri_detect.datasets import find_pairs
from ctmri_detect.datasets.volume_labels import names_files, read_volume_labels
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.inspection.file_stats import read_file_stats
from ctmri_detect.io.images import read_size
from ctmri_detect.layouts.labels import labels_path, read_labels

_SAMPLE = 9  # CT slices that are looked at; near the vertex one alone may mislead
_COPIES = 3  # of the pairs in memory at once: as they were, masked, windowed
IN_MEMORY = 2**28  # bytes of pairs that `score` holds at once; more of them go to a file
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

LABELS_NEEDED = (
    "A benchmark needs to know which pairs are anomalous: give --labels, a csv with the columns "
    "'file' and 'lesion' (1/0) or 'target' (+1 normal, -1 anomalous)."
)
PATIENTS_NEEDED = (
    "A benchmark needs to know the patients, so that none is on both sides of a split: give "
    "--patient, a column of the labels or a regular expression for file names."
)


def look(args: argparse.Namespace) -> pd.DataFrame:
    """The files of the folder, paired; no image is read.

    Its `attrs` say how many `patients_at_most` there are: 0 where nobody names them, infinity
    where only the headers tell.
    """
    table, column = None, None
    of_patients = bool(args.labels) and not names_files(Path(args.folder), args.labels)
    if of_patients:
        read_volume_labels(Path(args.folder), args.labels)
    elif args.labels:
        table, column = read_labels(labels_path(Path(args.folder), args.labels), args.patient)
    regex = None if column else args.patient
    found = find_pairs(args.folder, patient=regex, sequence=args.sequence)
    if of_patients and found.attrs["kind"] == "slices":
        raise ValueError(
            "The labels are of patients, and the folder holds slices; expected a column 'file' "
            "with one row a slice, because not all slices of a patient show the lesion."
        )
    names: pd.Series = found["patient"][found["status"] == "paired"]
    n: float = names.nunique()
    if found.attrs["kind"] == "dicom" or names.empty:
        n = float("inf")
    elif table is not None and column:
        n = pd.Series(table[column]).nunique()
    elif names.isna().any() or (regex is None and found.attrs["patients"] == "names"):
        n = 0  # that a file's name begins with p1 is a hint; the user has to say so
    found.attrs["patients_at_most"] = n
    return found


def check_labelled(args: argparse.Namespace, found: pd.DataFrame) -> None:
    """A benchmark needs labels and patients, and as many of these as there are folds."""
    if found.attrs["kind"] == "slices" and not args.labels:  # volumes may have masks
        raise ValueError(LABELS_NEEDED)
    n = found.attrs["patients_at_most"]
    if not n:
        raise ValueError(PATIENTS_NEEDED)
    if n < args.folds:
        raise ValueError(
            f"{args.folder} holds {n} patient(s), and there are {args.folds} folds; expected at "
            "least one patient a fold, none in two. Add patients, or take fewer --folds."
        )


def check_units(args: argparse.Namespace, found: pd.DataFrame, expected: Iterable[str]) -> None:
    """Refuse units that are unknown or that the model doesn't take, by a few CT."""
    units, why = {args.ct_units}, ""
    if args.ct_units == "auto":
        units, why = _units_of_some(args.folder, found)
    if len(units) == 1:
        refuse_units(units.pop(), expected, why)


def refuse_units(units: str | None, expected: Iterable[str], why: str = "") -> None:
    """Refuse unknown units, and those that are not `expected`: an empty one allows any."""
    if units is None:
        raise ValueError(
            "The CT are neither Hounsfield units nor 8-bit brain windows; expected one of them"
            f"{f' ({why})' if why else ''}. Export them again, or say what they are with "
            "--ct-units. Are the folders of CT and MRI exchanged?"
        )
    if expected and units not in expected:
        raise ValueError(
            f"The CT are in {units!r}, but the model was fitted on {min(expected)!r}. Score "
            "images of the same kind, or set --ct-units where the files mislead."
        )


def _units_of_some(folder: str, found: pd.DataFrame) -> tuple[set[str | None], str]:
    """The units of a few CT, of one volume; empty for DICOM, whose units its headers give."""
    files = found.loc[found["status"] == "paired", "ct"].tolist()
    if found.attrs["kind"] == "dicom" or not files:
        return set(), ""
    n = _SAMPLE if found.attrs["kind"] == "slices" else 1
    rows = np.unique(np.linspace(0, len(files) - 1, n).astype(int))
    stats = [read_file_stats(Path(folder), files[i], "CT").row for i in rows]
    read = [row for row in stats if not row["reason"]]
    return {row["units"] for row in read}, read[0]["units_why"] if read else ""


def check_memory(
    args: argparse.Namespace, found: pd.DataFrame, cache: Path | None = None
) -> None:
    """Refuse slices that don't fit into memory, or on the disk where there is a cache.

    Of volumes their number is not known yet.
    """
    shape = _shape(args, found)
    if shape is None:
        return
    needed = 8 * int(np.prod(shape))
    if cache is None:
        refuse_too_many(*shape)
    elif needed > (free := shutil.disk_usage(cache.parent).free):
        raise ValueError(
            f"{shape[0]} pairs of {shape[1]} x {shape[2]} pixels need {needed / 2**30:.1f} GiB on "
            f"the disk while they are scored, and {free / 2**30:.1f} GiB are free in --out. Take a "
            "smaller --image-size, or another --out."
        )


def are_many(args: argparse.Namespace, found: pd.DataFrame) -> bool:
    """Whether the pairs take more than `IN_MEMORY`; of volumes their number is not known yet."""
    shape = _shape(args, found)
    return found.attrs["kind"] != "slices" or (
        shape is not None and 8 * int(np.prod(shape)) > IN_MEMORY
    )


def _shape(args: argparse.Namespace, found: pd.DataFrame) -> tuple[int, int, int] | None:
    """How many pairs of slices there are, and their height and width; None where nobody knows."""
    files = found.loc[found["status"] == "paired", "ct"].tolist()
    if found.attrs["kind"] != "slices" or not files:
        return None
    side = args.image_size
    try:
        height, width = (side, side) if side else read_size(Path(args.folder) / files[0])
    except DataLoadingError:
        return None  # the loader says what is wrong with it
    return len(files), height, width


def refuse_too_many(n: int, height: int, width: int) -> None:
    """Refuse `n` pairs of this size, where the memory is not enough."""
    needed, free = _COPIES * n * 2 * height * width * 4, free_memory()
    if free is not None and needed > free:
        raise ValueError(
            f"{n} pairs of {height} x {width} pixels need {needed / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} GiB are free. Take a smaller --image-size, or fewer pairs."
        )


def free_memory() -> float | None:
    """Bytes that this process can still have, as far as the system says (Linux), else None."""
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
