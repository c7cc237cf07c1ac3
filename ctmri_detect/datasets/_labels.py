"""The labels file of a folder: one row a file, +1/-1 or a column named lesion."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError

CODED = ("target", "label")
"""Columns that hold +1 (normal) and -1 (anomalous)."""


def read_labels(path: str | Path) -> pd.DataFrame:
    """Read a labels file; the index is the stem of the column `file`.

    Raises
    ------
    DataLoadingError
        Where it can't be read, has no column `file`, or names a file twice.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataLoadingError(
            f"The labels file {path} can't be read ({error}); expected a csv with a column "
            "'file' and one of 'lesion', 'target', 'label'."
        ) from error
    if "file" not in table:
        raise DataLoadingError(
            f"The labels file {path} has the columns {list(table.columns)}; expected one named "
            "'file' that holds the file names."
        )
    table.index = pd.Index([Path(str(name)).stem for name in table["file"]], name="stem")
    twice = table.index[table.index.duplicated()].unique()
    if len(twice):
        raise DataLoadingError(
            f"The labels file {path} names {len(twice)} files more than once, such as "
            f"{twice[0]!r}; expected one row a file."
        )
    return table


def target_of(table: pd.DataFrame) -> NDArray[np.int64] | None:
    """+1 (normal) and -1 (anomalous) for each row; None where no column says so.

    Raises
    ------
    DataLoadingError
        Where the coding is not the one that the column's name promises.
    """
    if "lesion" in table:
        return _from_lesion(table["lesion"])
    for column in CODED:
        if column in table:
            return _from_coded(table[column], column)
    return None


def patients_of(
    stems: list[str], patient: str | None, rows: pd.DataFrame | None
) -> list[str | None]:
    """The patient of each file: a column of the labels, or what a regular expression finds.

    Raises
    ------
    DataLoadingError
        Where a file has no patient.
    """
    if patient is None:
        return [None] * len(stems)
    if rows is not None and patient in rows:
        if rows[patient].isna().any():
            without = rows["file"][rows[patient].isna()].iloc[0]
            raise DataLoadingError(
                f"The column {patient!r} has no patient for {without}; expected one in each row."
            )
        return rows[patient].astype(str).tolist()
    try:
        found = [re.search(patient, stem) for stem in stems]
    except re.error as error:
        raise ValueError(f"patient={patient!r} is no regular expression: {error}.") from error
    missed = [stem for stem, m in zip(stems, found, strict=True) if m is None]
    if missed:
        raise DataLoadingError(
            f"patient={patient!r} matches nothing in {len(missed)} of {len(stems)} names, such as "
            f"{missed[0]!r}; expected a regular expression that is found in each, or a column of "
            f"the labels file ({'none given' if rows is None else list(rows.columns)})."
        )
    return [m.group(1 if m.re.groups else 0) for m in found if m is not None]


def _from_lesion(lesion: pd.Series) -> NDArray[np.int64]:
    values = lesion.map(lambda v: {"true": 1, "false": 0}.get(str(v).lower(), v))
    values = pd.to_numeric(values, errors="coerce")
    if not values.isin([0, 1]).all():
        raise DataLoadingError(
            f"The column 'lesion' holds {_some(lesion)}; expected 1 or True (lesion) and 0 or "
            "False (none) in each row."
        )
    return np.where(values.to_numpy() == 1, -1, 1).astype(np.int64)


def _from_coded(column: pd.Series, name: str) -> NDArray[np.int64]:
    values = pd.to_numeric(column, errors="coerce")
    if not values.isin([-1, 1]).all():
        raise DataLoadingError(
            f"The column {name!r} holds {_some(column)}; expected +1 (normal) and -1 "
            "(anomalous). 0/1 is refused because it mirrors an AUROC silently: if 1 means "
            "lesion, name the column 'lesion'."
        )
    return values.to_numpy().astype(np.int64)


def _some(column: pd.Series) -> str:
    return ", ".join(str(v) for v in column.drop_duplicates().head(6))
