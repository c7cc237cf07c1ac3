"""Tables of the docs about patients, as frames of texts."""

from __future__ import annotations

import pandas as pd


def share(low: float, high: float | None = None) -> str:
    """In percent, one decimal; a range where there are two; "-" for what is not known."""
    if pd.isna(low):
        return "-"
    return f"{100 * low:.1f} %" if high is None else f"{100 * low:.0f} to {100 * high:.0f} %"


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Rates of patients after `recalibrate`."""
    table = rows.set_index(["detector", "healthy_patients", "way"])
    lines = {}
    for (name, n), part in table[table["sets"] >= 500].groupby(level=[0, 1], sort=False):
        of = part.droplevel([0, 1])
        own = of.loc["recalibrate"]
        lines[f"{name}, {n}"] = {
            "expected": share(own["expected"]),
            "mean": f"{share(own['mean'])} (± {100 * own['standard_error']:.1f})",
            "5 to 95 % of the draws": share(own["p05"], own["p95"]),
            "by slices": share(of.loc["slices", "mean"]),
            "twice the slices": share(of.loc["4 new slices, 2 healthy", "mean"]),
            "half the slices": share(of.loc["2 new slices, 4 healthy", "mean"]),
        }
    return pd.DataFrame(lines).T.rename_axis("detector, healthy patients")


def of_fits(rows: pd.DataFrame) -> pd.DataFrame:
    """Rates of patients after `fit` alone."""
    lines = {
        f"{row.detector}, {row.healthy_patients}": {
            "expected": share(row.expected),
            "mean": share(row.mean) + f" (± {100 * row.standard_error:.1f})" * (row.sets > 2),
            "5 to 95 % of the fits": share(row.p05, row.p95) if row.sets > 2 else "-",
            "fits": str(row.sets),
        }
        for row in rows[rows["way"] == "fit"].itertuples()
    }
    return pd.DataFrame(lines).T.rename_axis("detector, patients of the fit")


def exchangeable(rows: pd.DataFrame) -> pd.DataFrame:
    """How often another scanner is noticed, and what it does to the rate."""
    lines = {}
    for (name, n, m), part in rows.groupby(
        ["scanner", "healthy_patients", "new_patients"], sort=False
    ):
        row = part.iloc[0]
        lines[f"{name}; {n}, {m}"] = {
            "called different at 1 %": share(row["alarms_0.01"]),
            "at 5 %": share(row["alarms_0.05"]),
            "patients called before": share(row["called_before"]),
            "after": share(row["called_after"]),
        }
    return pd.DataFrame(lines).T.rename_axis("new patients; healthy, new")
