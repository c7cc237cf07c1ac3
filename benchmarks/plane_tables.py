"""Tables of the docs about samples of several planes, and about neighbouring slices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

GROWTH = ("fit, s", "score, s", "memory, MiB")


def exponents(rows: pd.DataFrame) -> dict[str, float]:
    """k of ``planes ** k`` for each figure, by least squares on logarithms."""
    planes = np.log(rows["planes"].to_numpy(float))
    return {
        figure: float(np.polyfit(planes, np.log(rows[figure].to_numpy(float)), 1)[0])
        for figure in GROWTH
    }


def growth(rows: pd.DataFrame) -> pd.DataFrame:
    """How time and memory of each detector grow: an exponent, and the figures behind it."""
    lines: dict[str, dict[str, str]] = {}
    for name, of in rows.groupby("detector", sort=False):
        found = exponents(of)
        lines[str(name)] = {
            figure: f"{found[figure]:.2f} ({', '.join(f'{v:.3g}' for v in of[figure])})"
            for figure in GROWTH
        }
    return pd.DataFrame(lines).T.rename_axis("detector")


def sequences(rows: pd.DataFrame) -> pd.DataFrame:
    """Image AUROC / pixel AP by kind of lesion, the mean over seeds; a column a set of planes."""
    columns: dict[str, dict[str, str]] = {}
    for (planes, missing), of in rows.groupby(["planes", "missing"], sort=False):
        column = {"all": _both(of[["auroc", "pixel_ap"]].to_numpy())}
        for kind in sorted(of["kinds"].iloc[0]):
            column[kind.replace("_", " ")] = _both([one[kind] for one in of["kinds"]])
        column["healthy slices flagged"] = f"{100 * of['flagged'].mean():.0f} %"
        columns[f"{planes}, one missing" if missing else str(planes)] = column
    return pd.DataFrame(columns).rename_axis("kind")


def neighbours(rows: pd.DataFrame) -> pd.DataFrame:
    """With and without neighbouring slices, means over seeds."""
    keys = ["spacing_mm", "detector"]
    table = rows
    table = table.assign(with_them=table["smoothing_mm"] > 0)
    means = table.groupby([*keys, "with_them"]).mean(numeric_only=True)
    shown = {
        name: [
            f"{means.loc[(*key, False), column]:{form}} → {means.loc[(*key, True), column]:{form}}"
            for key in table.groupby(keys).groups
        ]
        for name, column, form in (
            ("image AUROC", "image_auroc", ".3f"),
            ("pixel AP", "pixel_ap", ".3f"),
            ("patient AUROC", "patient_auroc", ".3f"),
            ("slices of healthy scans flagged", "flagged_in_healthy_scans", ".1%"),
        )
    }
    of_each = table[table["with_them"]].groupby(keys)
    shown["slices with a lesion, all slices, seeds"] = [
        f"{part['lesion_slices'].sum()}, {part['slices'].sum()}, {part['seed'].nunique()}"
        for _, part in of_each
    ]
    names = [f"{spacing:g} mm, {detector}" for spacing, detector in of_each.groups]
    return pd.DataFrame(shown, index=pd.Index(names, name="without → with neighbours"))


def _both(values: Any) -> str:
    auroc, pixels = np.mean(np.asarray(values, float), axis=0)
    return f"{auroc:.2f} / {pixels:.2f}"
