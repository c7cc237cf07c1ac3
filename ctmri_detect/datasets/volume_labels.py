"""Labels of slices of volumes: from segmented lesions, or from a table of patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.tables import read_table
from ctmri_detect.layouts.labels import labels_path, target_of

Target = NDArray[np.int64]


def read_volume_labels(folder: Path, labels: str | Path | None) -> dict[str, int] | None:
    """+1 or -1 for the name of each patient or CT file; None where there is no table.

    Raises
    ------
    DataLoadingError
        If the table can't be read, has no column `patient` or `file`, no labels, or two labels
        for one name.
    """
    if labels is None:
        return None
    path = labels_path(folder, labels)
    try:
        table = read_table(path)
    except (OSError, ValueError) as error:
        raise DataLoadingError(f"The labels file {path.name} can't be read: {error}") from error
    written = list(table.columns)
    table.columns = pd.Index([str(column).casefold() for column in written])
    named = [column for column in ("patient", "file") if column in table]
    target = target_of(table.assign(file=table[named[0]])) if named else None
    if target is None:
        raise DataLoadingError(
            f"The labels file {path.name} has the columns {written}; for volumes, expected one "
            "named 'patient' (or 'file', the CT), and 'lesion' (1/0) or 'target' (+1 normal, -1 "
            "anomalous)."
        )
    found: dict[str, int] = {}
    for name, label in zip(table[named[0]].astype(str), target.tolist(), strict=True):
        if found.setdefault(name, label) != label:
            raise DataLoadingError(
                f"The labels file {path.name} calls {name} both normal and anomalous; expected one "
                "label for each patient. A patient with a lesion in some slices is anomalous."
            )
    return found


def names_files(folder: Path, labels: str | Path) -> bool:
    """Whether the rows of a labels file are files; else they are patients."""
    try:
        columns = read_table(labels_path(folder, labels)).columns
    except (OSError, ValueError):  # the error is raised where the file is read
        return True
    known = {str(column).casefold() for column in columns}
    return "file" in known or "patient" not in known


def targets_of(
    frame: pd.DataFrame, masks: NDArray[np.bool_] | None, labels: dict[str, int] | None
) -> Target | None:
    """+1 or -1 for each slice: from its mask where there are masks, else from its patient.

    Raises
    ------
    DataLoadingError
        If a patient has no label, or is called normal and has a lesion.
    """
    from_masks = None if masks is None else np.where(masks.any(axis=(1, 2)), -1, 1)
    if labels is None:
        return from_masks
    patient, file = (frame[column].astype(str) for column in ("patient", "ct"))
    label = patient.map(labels).fillna(file.map(labels))
    if label.isna().any():
        missing = patient[label.isna()].iloc[0]
        known = ", ".join(list(labels)[:4])
        raise DataLoadingError(
            f"The labels file has no row for {missing} ({file[label.isna()].iloc[0]}); expected "
            f"one for each patient. It names {known}."
        )
    if from_masks is None:
        return label.to_numpy().astype(np.int64)
    odd = (label == 1).to_numpy() & (from_masks == -1)
    if odd.any():
        raise DataLoadingError(
            f"The labels file calls {patient[odd].iloc[0]} normal, but a lesion is segmented; "
            "expected only one of these. Correct the table or the segmentation."
        )
    return from_masks
