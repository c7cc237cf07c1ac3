"""Checks before the images are read, so that errors come early."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ctmri_detect.cli._messages import tell
from ctmri_detect.datasets import find_pairs
from ctmri_detect.datasets.volume_labels import names_files, read_volume_labels
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.inspection.file_stats import read_file_stats
from ctmri_detect.layouts.labels import labels_path, read_labels
from ctmri_detect.layouts.planes import is_sample

_MANY, _HARDLY = 20, 0.1  # least images of each modality; share in pairs that is too small
_SAMPLE = 9  # CT slices that are looked at; a single one near the vertex may mislead

LABELS_NEEDED = (
    "A benchmark needs to know which pairs are anomalous: give --labels, a csv file with the "
    "column 'file', and 'lesion' (1/0) or 'target' (+1 normal, -1 anomalous)."
)
PATIENTS_NEEDED = (
    "A benchmark needs to know the patients, so that none is both in training and in test: give "
    "--patient, a column of the labels or a regular expression for file names."
)


def look(args: argparse.Namespace) -> pd.DataFrame:
    """The files of the folder, paired; no image is read.

    `attrs["patients_at_most"]` is the largest possible number of patients: 0 where they are
    unknown, infinity where only headers tell them.
    """
    table, column = None, None
    of_patients = bool(args.labels) and not names_files(Path(args.folder), args.labels)
    if of_patients:
        read_volume_labels(Path(args.folder), args.labels)
    elif args.labels:
        table, column = read_labels(labels_path(Path(args.folder), args.labels), args.patient)
    found = _found(args, None if column else args.patient)
    found.attrs["patient_is_column"] = column is not None
    if of_patients and found.attrs["kind"] == "slices":
        raise ValueError(
            "The labels are of patients, and the folder holds slices; expected a column 'file' "
            "with one row for each slice, because not all slices of a patient show the lesion."
        )
    _refuse_none(args, found)
    _refuse_few(args, found)
    names: pd.Series = found["patient"][is_sample(found)]
    n: float = names.nunique()
    if found.attrs["kind"] == "dicom" or names.empty:
        n = float("inf")
    elif table is not None and column:
        n = pd.Series(table[column]).nunique()
    elif names.isna().any() or (args.patient is None and found.attrs["patients"] == "names"):
        n = 0  # a file's name that begins with p1 is only a hint; the user has to confirm it
    found.attrs["patients_at_most"] = n
    return found


def _found(args: argparse.Namespace, patient: str | None) -> pd.DataFrame:
    """What `find_pairs` finds; a `patient` that the model remembers is given up if it fails."""
    rules = [patient, None] if getattr(args, "patient_recalled", False) else [patient]
    for rule in rules:
        try:
            found = find_pairs(
                args.folder, patient=rule, sequence=args.sequence, modality=args.modality
            )
        except DataLoadingError as error:
            if rule is rules[-1]:
                raise DataLoadingError(f"{error}{fitted_on(args)}") from error
        else:
            break
    if rule != patient:
        args.patient = None
        tell(
            f"note: patients are not known here: the file names don't match {patient!r}, which "
            "named them at the fit. Give another --patient to name them."
        )
    return found


def fitted_on(args: argparse.Namespace) -> str:
    """A sentence for errors of `score`: the planes of the model; else empty."""
    fitted = getattr(args, "fitted_on", ())
    return f" The model was fitted on {', '.join(fitted)}." if fitted else ""


def _refuse_none(args: argparse.Namespace, found: pd.DataFrame) -> None:
    """Refuse a folder of one modality where pairs are expected."""
    if found.attrs["kind"] == "dicom" or is_sample(found).any():
        return
    there = [name for name in ("ct", "mri") if name in found and found[name].notna().any()]
    if len(there) != 1:
        return  # the loader says what is wrong
    (name,) = there
    how = fitted_on(args) or f" Use {name.upper()} alone with --modality {name}."
    raise ValueError(
        f"{args.folder} holds {name.upper()} alone ({found[name].notna().sum()} files); expected "
        f"CT and MRI.{how}"
    )


def _refuse_few(args: argparse.Namespace, found: pd.DataFrame) -> None:
    """Refuse two sets of images of which hardly any are pairs by their names."""
    if args.modality != "both" or found.attrs["kind"] == "dicom" or "mri" not in found:
        return
    counts = [int(found[name].notna().sum()) for name in ("ct", "mri")]
    pairs = int(is_sample(found).sum())
    if pairs and min(counts) >= _MANY and pairs < _HARDLY * min(counts):
        raise ValueError(
            f"{args.folder} holds {counts[0]} CT and {counts[1]} MRI, and by their names only "
            f"{pairs} of them are pairs; expected pairs. If CT and MRI show different people, use "
            "one modality alone: --modality ct. If they are pairs, give both files of a pair the "
            "same name."
        )


def check_labelled(args: argparse.Namespace, found: pd.DataFrame) -> None:
    """Refuse a benchmark without labels, without patients, or with more folds than patients."""
    if found.attrs["kind"] == "slices" and not args.labels:  # volumes may have masks
        raise ValueError(LABELS_NEEDED)
    n = found.attrs["patients_at_most"]
    if not n:
        raise ValueError(PATIENTS_NEEDED)
    if n < args.folds:
        raise ValueError(
            f"{args.folder} holds {n} patient(s), and there are {args.folds} folds; expected at "
            "least one patient for each fold. Add patients, or give fewer --folds."
        )


def check_units(args: argparse.Namespace, found: pd.DataFrame, expected: Iterable[str]) -> None:
    """Refuse units that are unknown or that the model doesn't take; a few CT are read for it."""
    units, why = {args.ct_units}, ""
    if args.ct_units == "auto":
        units, why = _units_of_some(args.folder, found)
    if len(units) == 1:
        refuse_units(units.pop(), expected, why)


def refuse_units(units: str | None, expected: Iterable[str], why: str = "") -> None:
    """Refuse unknown units, and those that are not in `expected`; empty allows any."""
    if units is None:
        raise ValueError(
            "The CT are neither Hounsfield units nor 8-bit brain windows; expected one of them"
            f"{f' ({why})' if why else ''}. Export them again, or say what they are with "
            "--ct-units. Look whether the folders of CT and MRI are exchanged."
        )
    if expected and units not in expected:
        raise ValueError(
            f"The CT are in {units!r}, but the model was fitted on {min(expected)!r}. Score "
            "images in the same units, or set --ct-units if the files are judged wrongly."
        )


def _units_of_some(folder: str, found: pd.DataFrame) -> tuple[set[str | None], str]:
    """The units of a few CT slices, or of one volume; empty for DICOM, where headers give them."""
    files = found.loc[is_sample(found), "ct"].dropna().tolist()
    if found.attrs["kind"] == "dicom" or not files:
        return set(), ""
    n = _SAMPLE if found.attrs["kind"] == "slices" else 1
    rows = np.unique(np.linspace(0, len(files) - 1, n).astype(int))
    stats = [read_file_stats(Path(folder), files[i], "CT").row for i in rows]
    read = [row for row in stats if not row["reason"]]
    return {row["units"] for row in read}, read[0]["units_why"] if read else ""
