"""The labels file of a folder: one row a file, +1/-1 or a column named lesion."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctmri_detect.datasets._files.names import ending_of
from ctmri_detect.exceptions import DataLoadingError

CODED = ("target", "label")
"""Columns that hold +1 (normal) and -1 (anomalous)."""


def read_labels(path: str | Path, patient: str | None = None) -> pd.DataFrame:
    """Read a labels file; `patient` may be one of its columns, which is then kept as text.

    Raises
    ------
    DataLoadingError
        Where it can't be read, has no column `file`, or names a file twice.
    """
    name = Path(path).name
    text = {"file": str} if patient is None else {"file": str, patient: str}  # 007 is no 7
    try:
        table = pd.read_csv(path, dtype=text)
    except (OSError, ValueError) as error:
        raise DataLoadingError(
            f"The labels file {name} can't be read ({_short(error)}); expected a csv with a column "
            "'file' and one of 'lesion', 'target', 'label'."
        ) from error
    if "file" not in table:
        raise DataLoadingError(
            f"The labels file {name} has the columns {list(table.columns)}; expected one named "
            "'file' that holds the file names."
        )
    return table


def rows_of(table: pd.DataFrame, pairs: pd.DataFrame) -> list[int | None]:
    """The row of the labels file that belongs to each pair.

    The column `file` holds paths or names, with or without their ending, of the CT or of the
    MRI. A name fits where only one pair has it; a path fits where one of the two paths, that
    in `file` and that relative to the folder, ends with the other.

    Raises
    ------
    DataLoadingError
        Where a name fits several pairs, or several rows fit one pair.
    """
    fits = _Tails(pairs)
    rows: list[int | None] = [None] * len(pairs)
    for row, file in enumerate(table["file"]):
        if not isinstance(file, str):
            continue
        found = sorted(fits.pairs(file))
        if len(found) > 1:
            names = ", ".join(str(pairs["ct"].iloc[i]) for i in found[:2])
            raise DataLoadingError(
                f"The labels file names {file!r}, which fits {len(found)} pairs, such as {names}; "
                "expected paths relative to the folder."
            )
        for pair in found:
            if rows[pair] is not None:
                raise DataLoadingError(
                    f"The labels file names {pairs['ct'].iloc[pair]} more than once, such as "
                    f"{table['file'].iloc[rows[pair]]!r} and {file!r}; expected one row a pair."
                )
            rows[pair] = row
    return rows


class _Tails:
    """Pairs by the ends of their paths, so that each name in a labels file costs one look."""

    def __init__(self, pairs: pd.DataFrame) -> None:
        self.whole: dict[str, set[int]] = defaultdict(set)
        self.tails: dict[str, set[int]] = defaultdict(set)
        for pair, paths in enumerate(zip(pairs["ct"], pairs["mri"], strict=True)):
            for path in paths:
                for name in {path, _bare(path)}:
                    self.whole[name].add(pair)
                    for tail in _tails(name):
                        self.tails[tail].add(pair)

    def pairs(self, file: str) -> set[int]:
        """The pairs that a path or name in a labels file fits."""
        name = re.sub(r"^(\./)+", "", file.strip().replace("\\", "/"))
        for form in (name, _bare(name)):  # a.jpg in the table may be a.png by now
            if form in self.tails:
                return self.tails[form]
            longer = next((tail for tail in _tails(form) if tail in self.whole), None)
            if longer is not None:
                return self.whole[longer]
        return set()


def _bare(path: str) -> str:
    return path.removesuffix(path[len(path) - len(ending_of(path)) :])


def _tails(path: str) -> list[str]:
    """The path, and what is left of it without its first folders, longest first."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _short(error: Exception) -> str:
    """What went wrong, without the path that an OSError brings along."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error).split("\n")[0]


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
