"""Patients in order of their score, and their table on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.pairs import Pairs

_OPTIONAL = ("p_value", "q_value", "prediction")


def ranked(
    X: Pairs,
    score: npt.NDArray[np.float64],
    prediction: npt.ArrayLike | None,
    patients: pd.DataFrame | None,
    names: Sequence[str] | None,
) -> pd.DataFrame:
    """One row per patient, most anomalous first: patient, anomaly_score, rows, n_slices, n_flagged.

    It also has p_value, q_value and prediction where `patients` has them. Without patients in X,
    each sample counts as one.

    Raises
    ------
    ValueError
        Where `patients` lacks a column or a patient of X.

    Examples
    --------
    >>> X = Pairs(np.zeros((3, 2, 8, 8)), groups=["a", "b", "a"])
    >>> table = ranked(X, np.array([1.0, 3.0, 5.0]), None, None, None)
    >>> table[["patient", "anomaly_score", "n_slices"]].values.tolist()
    [['a', 5.0, 2], ['b', 3.0, 1]]
    """
    labels = [f"sample {row}" for row in range(len(X))] if names is None else list(names)
    codes, unique = pd.factorize(np.arange(len(X)) if X.groups is None else X.groups.astype(str))
    called = None if prediction is None else np.asarray(prediction) == -1
    members = [np.flatnonzero(codes == code) for code in range(len(unique))]
    table = pd.DataFrame(
        {
            "patient": labels if X.groups is None else unique.tolist(),
            "anomaly_score": [score[rows].max() for rows in members],
            "rows": members,
            "n_slices": [len(rows) for rows in members],
            "n_flagged": [None if called is None else int(called[rows].sum()) for rows in members],
        }
    )
    if patients is not None:
        table = _with(table, patients)
    return table.sort_values("anomaly_score", ascending=False, kind="stable", ignore_index=True)


def _with(table: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """The table with the scores of `patients` in place of those from slices."""
    if lacking := {"patient", "anomaly_score"} - set(patients):
        raise ValueError(
            f"patients has no column {', '.join(sorted(lacking))}; expected 'patient' and "
            "'anomaly_score', high = anomalous."
        )
    own = patients.assign(patient=patients["patient"].astype(str)).set_index("patient")
    missing = [name for name in table["patient"] if name not in own.index]
    if missing or own.index.has_duplicates:
        raise ValueError(
            f"patients has no row for {missing[0]}; expected one row for each patient of X."
            if missing
            else "patients has several rows for one patient; expected one row for each."
        )
    kept = ["anomaly_score", *(name for name in _OPTIONAL if name in own)]
    return table.drop(columns="anomaly_score").join(own[kept], on="patient")


def patient_rows(table: pd.DataFrame, n_shown: int) -> dict[str, Any]:
    """Headings and cells of the table on the page; the first `n_shown` rows have a button."""
    columns = {
        "score": table["anomaly_score"].map("{:.1f}".format),
        "slices": table["n_slices"].astype(str),
    }
    if table["n_flagged"].notna().all():
        columns["slices flagged"] = table["n_flagged"].astype(str)
    for name in ("p_value", "q_value"):
        if name in table:
            columns[name.replace("_", "-")] = table[name].map("{:.3f}".format)
    if "prediction" in table:
        columns["called"] = table["prediction"].map({-1: "anomalous", 1: "normal"})
    cells = zip(*columns.values(), strict=True)
    rows = [
        {"rank": rank, "name": name, "cells": each, "shown": rank <= n_shown}
        for rank, (name, each) in enumerate(zip(table["patient"], cells, strict=True), 1)
    ]
    return {"headings": list(columns), "rows": rows}
