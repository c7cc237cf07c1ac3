"""The labels file of a folder: one row per file, +1/-1 or a column named lesion."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctmri_detect.exceptions import DataLoadingError, LabelsWarning
from ctmri_detect.io.sequences import SEQUENCES
from ctmri_detect.io.tables import read_table
from ctmri_detect.io.words import canonical

_CODED = ("lesion", "target", "label")
"""Columns that tell healthy from anomalous: the first by 0 and 1, the others by +1 and -1."""
_WORDS = {
    "lesion": {"true": "1", "yes": "1", "false": "0", "no": "0"},
    "target": {"normal": "1", "healthy": "1", "anomalous": "-1", "abnormal": "-1"},
}
_WORDS["label"] = _WORDS["target"]
"""Words that mean the number, in the column of that name; case doesn't count."""
CARRIED = ("slice", "spacing", "sequence", "kind")
"""Columns that are carried into the frame."""


def labels_path(folder: Path, labels: str | Path) -> Path:
    """Where a labels file lies: as it was named, or in the folder."""
    path = Path(labels)
    return folder / path if not path.exists() and (folder / path).exists() else path


def read_labels(path: str | Path, patient: str | None = None) -> tuple[pd.DataFrame, str | None]:
    """Read a labels file: its cells as text, and the column that `patient` names, if it does.

    Case, spaces and quotes in the header don't count.

    Raises
    ------
    DataLoadingError
        Where it can't be read, two columns have one name, or it has no column `file` or none
        with labels or patients.

    Warns
    -----
    LabelsWarning
        Where it has patients, but no labels among other columns.
    """
    name = Path(path).name
    try:
        table = read_table(path)
    except (OSError, ValueError) as error:
        raise DataLoadingError(
            f"The labels file {name} can't be read ({_short(error)}); expected a csv (UTF-8) with "
            "a column 'file' and one of 'lesion', 'target', 'label'."
        ) from error
    written = list(table.columns)
    table.columns = pd.Index([str(column).casefold() for column in written])
    column = None if patient is None else canonical(str(patient)).strip().casefold()
    column = column if column in table else None
    used = ["file", *_CODED, *CARRIED, *([column] if column else [])]
    doubled = [c for c in used if (table.columns == c).sum() > 1]
    if doubled:
        fits = [c for c in written if c.casefold() == doubled[0]]
        raise DataLoadingError(
            f"The labels file {name} has {len(fits)} columns for {doubled[0]!r}: {fits}; expected "
            "one. Rename the other."
        )
    if "file" not in table:
        raise DataLoadingError(
            f"The labels file {name} has the columns {written}; expected one named "
            "'file' that holds the file names."
        )
    _check_coded(table, name, written, column, used)
    return table, column


def _check_coded(
    table: pd.DataFrame, name: str, written: list[str], patient: str | None, used: list[str]
) -> None:
    """Refuse a table without labels; one with patients may have none."""
    if any(column in table for column in _CODED):
        return
    said = f"The labels file {name} has the columns {written}, none of them with labels"
    how = "'lesion' (1 or yes = lesion), or 'target' or 'label' (+1 or normal, -1 or anomalous)"
    if patient is None:
        raise DataLoadingError(f"{said}; expected one named {how}.")
    if any(column not in used for column in table):
        warnings.warn(f"{said}: target is None. One would be named {how}.", LabelsWarning, 3)


def _short(error: Exception) -> str:
    """What went wrong, without the path that an OSError brings along."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error).split("\n")[0]


def target_of(table: pd.DataFrame) -> NDArray[np.int64] | None:
    """+1 (normal) and -1 (anomalous) for each row; None where no column says so.

    Raises
    ------
    DataLoadingError
        Where the coding is not the one that the column's name promises, or two columns
        contradict each other.
    """
    found = [column for column in _CODED if column in table]
    if len(found) > 1:  # a label may be another word, such as the kind of lesion
        found = [c for c in found if _tells(table[c], c)] or found[:1]
    targets = {column: _from_column(table[column], column) for column in found}
    if not targets:
        return None
    first, *others = found
    for other in others:
        odd = np.flatnonzero(targets[first] != targets[other])
        if len(odd):
            raise DataLoadingError(
                f"The columns {first!r} and {other!r} of the labels file contradict each other "
                f"in {len(odd)} rows, such as that of {table['file'].iloc[odd[0]]!r}; expected one "
                "of them, or the same labels in both."
            )
    return targets[first]


def carried(rows: pd.DataFrame, column: str) -> NDArray[np.object_] | pd.Series:
    """A column for the frame: numbers for slice and spacing, sequences by their short names.

    Raises
    ------
    DataLoadingError
        Where slice or spacing holds no number, or spacing none above 0.
    """
    cells = rows[column]
    if column == "sequence":
        return cells.map(lambda cell: SEQUENCES.get(str(cell).lower(), cell)).to_numpy()
    if column == "kind":
        return cells.to_numpy()
    values = pd.to_numeric(cells.str.replace(",", "."), errors="coerce")  # 0,5 is half
    wrong = values.isna() & cells.notna()
    if column == "spacing":
        wrong |= (values <= 0) | np.isinf(values)
    if wrong.any():
        what = "numbers" if column == "slice" else "numbers above 0, the mm per pixel"
        raise DataLoadingError(
            f"The column {column!r} holds {cells[wrong].iloc[0]!r}; expected {what}."
        )
    return values


def patients_from(rows: pd.DataFrame, column: str) -> list[str]:
    """The patients that a column of the labels file names.

    Raises
    ------
    DataLoadingError
        Where a row has none.
    """
    if rows[column].isna().any():
        without = rows["file"][rows[column].isna()].iloc[0]
        raise DataLoadingError(
            f"The column {column!r} has no patient for {without}; expected one in each row."
        )
    return rows[column].astype(str).tolist()


def _numbers(column: pd.Series, name: str) -> pd.Series:
    """The cells as numbers, known words as the number that they mean, others as NaN."""
    known = _WORDS[name]
    return pd.to_numeric(
        column.map(lambda cell: known.get(str(cell).strip().lower(), cell)), errors="coerce"
    )


def _tells(column: pd.Series, name: str) -> bool:
    """Whether the column is meant as labels: it has numbers, or each word in it is known."""
    numbers = pd.to_numeric(column, errors="coerce").notna().any()
    return bool(numbers or _numbers(column, name).notna().all())


def _from_column(column: pd.Series, name: str) -> NDArray[np.int64]:
    values = _numbers(column, name)
    if name == "lesion":
        if not values.isin([0, 1]).all():
            raise DataLoadingError(
                f"The column 'lesion' holds {_some(column)}; expected 1, true or yes (lesion) and "
                "0, false or no (none) in each row."
            )
        return np.where(values.to_numpy() == 1, -1, 1).astype(np.int64)
    if not values.isin([-1, 1]).all():
        raise DataLoadingError(
            f"The column {name!r} holds {_some(column)}; expected +1 or normal and -1 or "
            "anomalous in each row. 0/1 is refused because it mirrors an AUROC silently: if 1 "
            "means lesion, name the column 'lesion'. Words for kinds of lesion belong in a column "
            "'kind', beside one of 'lesion'."
        )
    return values.to_numpy().astype(np.int64)


def _some(column: pd.Series) -> str:
    return ", ".join(str(v) for v in column.drop_duplicates().head(6))
