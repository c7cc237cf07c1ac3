"""The tables of a scored folder: one row for each pair, and one row for each patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.cli._data import MARKS
from ctmri_detect.io.volumes.volume_files import is_volume
from ctmri_detect.layouts.planes import plane_columns

_OF_FILES = ("patient", "slice", "instance", "z_mm", *MARKS)


def scores_table(pairs: Bunch, scored: pd.DataFrame) -> pd.DataFrame:
    """One row for each pair, most anomalous first; the index is its row in `pairs.data`."""
    columns = [*plane_columns(pairs.frame), *(name for name in _OF_FILES if name in pairs.frame)]
    table = pairs.frame[columns].reset_index(drop=True)
    table[["anomaly_score", "p_value"]] = scored[["anomaly_score", "p_value"]]
    table["anomalous"] = np.where(scored["prediction"] == -1, "yes", "no")
    table["seen_in_fit"] = np.where(scored["seen_in_fit"], "yes", "no")
    table["modality"], table["direction"] = scored["modality"], scored["sign"]
    if pairs.target is not None:
        table["label"] = np.where(pairs.target == -1, "anomalous", "normal")
    table = table.sort_values("anomaly_score", ascending=False, kind="stable")
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def patients_table(table: pd.DataFrame, decided: pd.DataFrame | None = None) -> pd.DataFrame | None:
    """One row for each patient, most anomalous first; None where the patients are not known.

    Parameters
    ----------
    table : DataFrame
        What `scores_table` gives.
    decided : DataFrame, default=None
        More columns, such as a p-value of the patient; its index is the patient's name.
    """
    if table["patient"].isna().any():
        return None
    of_each = table.groupby("patient", sort=False)  # a patient's first row is the strongest slice
    found = of_each[["anomaly_score", *(n for n in ("slice", "z_mm") if n in table)]].first()
    found = found.rename(columns={"slice": "strongest_slice"})
    first = [file_of(row) for row in table.drop_duplicates("patient").itertuples()]
    found.insert(1, "strongest_ct" if "ct" in table else "strongest_file", first)
    found.insert(1, "slices", of_each.size())
    found.insert(2, "slices_flagged", of_each["anomalous"].agg(lambda said: (said == "yes").sum()))
    return (found if decided is None else found.join(decided)).reset_index()


def file_of(row: Any) -> str:
    """The first file of a row of the table, or of a loader's frame: the CT, where there is one."""
    names = row._fields[: row._fields.index("patient")]
    return next((value for name in names if isinstance(value := getattr(row, name), str)), "")


def name_of(row: Any) -> str:
    """A name for a row: that of its file, or patient and slice where the file is a volume."""
    file = Path(file_of(row))
    if file.suffix and not is_volume(file.name):
        return file.stem
    return f"{row.patient or file.parent.name}_slice{row.slice}"
