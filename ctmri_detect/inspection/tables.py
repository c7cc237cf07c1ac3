"""The tables of the inspection page."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.inspection.charts import SizesDisplay
from ctmri_detect.inspection.description import by, count
from ctmri_detect.inspection.file_findings import apart
from ctmri_detect.inspection.file_stats import background
from ctmri_detect.plotting import panels

Part = dict[str, Any]

MOST_ROWS = 60
_MOST_SIZES = 12
_UNITS = {"hu": "Hounsfield units (HU)", "uint8": "8-bit image of a brain window, not HU"}


def overview(found: Bunch) -> Part:
    """A table with a column for each modality and a row for each property."""
    table = found.modalities
    dicom = found.summary["kind"] == "dicom"
    rows: list[tuple[str, list[str]]] = [
        ("Series" if dicom else "Files", [_with_damage(r) for _, r in table.iterrows()]),
        ("Patients", [str(r["patients"]) if r["patients"] else "not known" for r in _of(table)]),
        *_sequences(found),
        ("Size", [_listed(r["shapes"]) for r in _of(table)]),
        ("Kind of file", [_listed(r["formats"]) for r in _of(table)]),
    ]
    rows += [
        ("Stored as", [_stored(r) for r in _of(table)]),
        ("Units", [_unit(name, r) for name, r in table.iterrows()]),
        ("Background, share", [f"{r['background']:.0%}" for r in _of(table)]),
    ]
    n_pairs, alone = found.summary["pairs"], found.summary["left_over"]
    by_name = " by name only" * (n_pairs > 0 and apart(found))
    thing = "series" if dicom else "file"
    unit = "pair" if found.planes == ("CT", "MRI") else "sample"
    caption = f"{count(n_pairs, unit)}{by_name}, {count(alone, thing)} without a partner."
    if len(found.planes) == 1:
        caption = f"Nothing to pair; {count(alone, thing)} left over."
    headings = ["", *table.index]
    return {"headings": headings, "rows": [[k, *v] for k, v in rows], "caption": caption}


def _sequences(found: Bunch) -> list[tuple[str, list[str]]]:
    """The row that counts MRI sequences; none if there are fewer than two."""
    if len(found.sequences) < 2:
        return []
    counts = found.sequences["files"].items()
    listed = ", ".join(f"{name.upper()} ({n})" for name, n in counts)
    return [("Sequences", [listed if name == "MRI" else "" for name in found.modalities.index])]


def without_background(found: Bunch) -> dict[str, npt.NDArray[Any]]:
    """The sampled values of each modality that are not background."""
    inside = {name: values[~background(values)] for name, values in found.intensities.items()}
    return {name: values for name, values in inside.items() if len(values) > 1}


def statistics(found: Bunch) -> Part | None:
    """Statistics of the grey values, with and without background."""
    rows = []
    for modality, values in without_background(found).items():
        every = found.modalities.loc[modality]
        whole = [every[name] for name in ("min", "max", "mean", "std", "median")]
        # the largest value of all pixels is exact, and is never background
        part = [
            values.min(),
            every["max"],
            values.mean(dtype=float),
            values.std(dtype=float),
            np.median(values),
        ]
        for name, figures in (("all pixels", whole), ("without background", part)):
            rows.append([f"{modality}, {name}", *(f"{figure:.4g}" for figure in figures)])
    if not rows:
        return None
    headings = ["", "Smallest", "Largest", "Mean", "Standard deviation", "Median"]
    caption = "Statistics. Medians, and rows without background, come from a sample of the pixels."
    return {"headings": headings, "rows": rows, "caption": caption}


def sizes(found: Bunch) -> Part | None:
    """A sentence if all sizes are equal, else a chart and a table."""
    read = found.files[found.files["height"].notna() & (found.files["reason"] == "")]
    if read.empty:
        return None
    columns = ["modality", "width", "height", "depth"]
    counts = read.groupby(columns, dropna=False).size().rename("files").reset_index()
    counts = counts.sort_values("files", ascending=False, kind="stable")
    shapes = counts[["width", "height", "depth"]].drop_duplicates()
    if len(shapes) == 1:
        size = by(n for n in shapes.iloc[0] if pd.notna(n))
        axes = "columns by rows" + " by slices" * bool(shapes["depth"].notna().all())
        return {"text": f"All files are {size} ({axes}).", "chart": None, "table": None}
    volumes = bool(shapes["depth"].notna().any())
    rows = [
        [row.modality, by(n for n in (row.width, row.height, row.depth) if pd.notna(n)), row.files]
        for row in counts.head(_MOST_SIZES).itertuples()
    ]
    rest = len(counts) - len(rows)
    caption = f"The most frequent; {rest} more in files.csv." if rest > 0 else "All sizes."
    headings = ["Modality", "Columns x rows" + " x slices" * volumes, "Files"]
    table = {"headings": headings, "rows": rows, "caption": caption}
    chart = None
    if len(shapes[["width", "height"]].drop_duplicates()) > 1:  # else one dot
        display = SizesDisplay(dict(list(counts.groupby("modality"))))
        chart = panels.chart(display, (4.4, 3.6)) | {"alt": "Width and height of the files."}
    text = f"{len(shapes)} different sizes. " + (
        "When pairs are loaded, the MRI is resampled on the grid of its CT."
        if volumes
        else "To load them together, resize all to one size with size=."
    )
    return {"text": text, "chart": chart, "table": table}


def damaged(found: Bunch) -> Part | None:
    """A table of the damaged files, with the reasons."""
    table = found.damaged
    if table.empty:
        return None
    rows = [[r.file, r.modality, r.reason] for r in table.head(MOST_ROWS).itertuples()]
    rest = len(table) - len(rows)
    caption = (
        f"{rest} more in files.csv." if rest else "They are left out when the folder is loaded."
    )
    return {"headings": ["File", "Modality", "Why"], "rows": rows, "caption": caption}


def _of(table: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in table.iterrows()]


def _stored(row: pd.Series) -> str:
    """The number types, and whether values lie beyond them, so that a header scales them."""
    names = list(row["dtypes"])
    limits = [np.iinfo(name) for name in names if np.issubdtype(np.dtype(name), np.integer)]
    scaled = len(limits) == len(names) > 0 and (
        row["max"] > max(limit.max for limit in limits)
        or row["min"] < min(limit.min for limit in limits)
    )
    return _listed(row["dtypes"]) + ", scaled by the file's header" * bool(scaled)


def _with_damage(row: pd.Series) -> str:
    bad = row["files"] - row["readable"]
    return f"{row['files']}" + (f" ({bad} can't be read)" if bad else "")


def _listed(counts: dict[str, int]) -> str:
    """The three most frequent entries with their counts; a single entry without its count."""
    names = list(counts)
    if len(names) < 2:
        return names[0] if names else "-"
    shown = ", ".join(f"{name} ({counts[name]})" for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _unit(modality: Any, row: pd.Series) -> str:
    if modality == "MRI":
        return "none: MRI has no absolute scale"
    return _UNITS.get(row["units"], "unknown: the values can't be HU")
