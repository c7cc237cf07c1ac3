"""The sections of the inspection page, as text, tables and panels."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.inspection import images, tables
from ctmri_detect.inspection.charts import HistogramDisplay, OverlaidDisplay
from ctmri_detect.inspection.description import by
from ctmri_detect.inspection.file_findings import apart
from ctmri_detect.inspection.source import Source
from ctmri_detect.inspection.tables import MOST_ROWS, Part
from ctmri_detect.plotting import panels

_MOST_DUPLICATES = 12
_MOST_BAD = 8
_CHART = (4.4, 3.0)


def samples(found: Bunch, source: Source) -> Part | None:
    """Pairs with overlays; a row of CT and one of MRI if they are no pairs; volumes in 3 views."""
    kind = found.summary["kind"]
    files = found.files[(found.files["reason"] == "") & (found.files["blank"].astype(float) < 0.9)]
    files = files[~files["file"].isin(found.burned_in)]
    of_kind = [source.holds_volume(name) == (kind != "slices") for name in files["file"]]
    files = files[of_kind]  # the others are not part of the data set
    if files.empty:
        return None
    units = files.set_index("file")["units"]
    both = found.couples
    pairs = both[both["ct"].isin(files["file"]) & both["mri"].isin(files["file"])]
    if kind != "slices":
        return _volume_samples(source, files, pairs)
    if pairs.empty or apart(found):
        examples = []
        for (modality, sequence), rows in files.groupby(
            ["modality", files["sequence"].fillna("")], sort=False
        ):
            chosen = spread_rows(rows, 6)
            shown = [
                images.panel(
                    images.read_plane(source, row.file), str(modality), row.units, row.file, ""
                )
                for row in chosen.itertuples()
            ]  # fmt: skip
            heading = f"{modality} {sequence.upper()}".strip()
            examples.append({"heading": heading, "text": "", "panels": shown})
        text = "Taken evenly from all files."
        if len(examples) > 1:
            text += " Images above each other do not belong together."
        return {"text": text, "examples": examples, "kind": "even"}
    examples = [
        example
        for row in spread_rows(pairs, 6).itertuples()
        for example in _pair_example(source, row, units[row.ct])
    ]
    return {"text": _OVERLAYS, "examples": examples, "kind": "four"}


_OVERLAYS = (
    "Pairs taken evenly from all files. In the checkerboard, squares of the CT and the MRI "
    "alternate: the outlines of head and ventricles should continue from square to square. "
    "The difference is orange where the CT is brighter and blue where the MRI is, each on its own "
    "grey scale. Bone and fluid differ in every pair; a double outline is a sign of a shift."
)


def _volume_samples(source: Source, files: pd.DataFrame, pairs: pd.DataFrame) -> Part:
    rows = files.set_index("file")
    examples = []
    names = [n for row in spread_rows(pairs, 2).itertuples() for n in (row.ct, row.mri)]
    names = names or [row.file for row in spread_rows(files, 2).itertuples()]
    for name in names:
        row = rows.loc[name]
        volume = source.volume(name)
        shown = images.volume_views(volume, row["modality"], row["units"])
        text = f"{by((row['width'], row['height'], row['depth']))} voxels of {row['spacing']} mm."
        examples.append({"heading": f"{row['modality']}: {name}", "text": text, "panels": shown})
    for row in spread_rows(pairs, 2).itertuples():
        examples += _pair_example(source, row, rows.loc[row.ct, "units"])
    text = (
        "The patient's right is on the left of axial and coronal slices, as radiologists view them."
    )
    return {"text": text, "examples": examples, "kind": "four even"}


def _planes(ct: Any, mri: Any, units: Any) -> list[Part]:
    """A panel for each of the two images of a pair."""
    return [images.panel(ct, "CT", units, "CT", ""), images.panel(mri, "MRI", None, "MRI", "")]


def _pair_example(source: Source, row: Any, units: Any) -> list[Part]:
    """One example; none where the MRI does not reach the middle slice of the CT."""
    pair = images.read_pair(source, row.ct, row.mri)
    if pair is None:
        return []
    (ct, mri), name = pair, PurePosixPath(row.ct).name
    shown = [
        *_planes(ct, mri, units),
        *images.overlays(ct, mri, units, name),
    ]
    return [{"heading": _heading(row), "text": "", "panels": shown}]


def histograms(found: Bunch) -> list[Part]:
    """A histogram of each modality, and one of both together."""
    shown = tables.without_background(found)
    charts = []
    for modality, values in shown.items():
        units = found.modalities.loc[modality, "units"]
        unit = "HU" if units == "hu" else "Grey value"
        chart = panels.chart(HistogramDisplay(modality, values, unit), _CHART)
        mean = values.mean(dtype=np.float64)
        alt = f"Histogram of {modality}: mean {mean:.4g}, median {np.median(values):.4g}."
        caption = f"{modality} without background."
        if units == "uint8":
            caption += " The bar at the right end is bone, which lies above the window."
        charts.append(chart | {"alt": alt, "caption": caption})
    if len(shown) == 2:
        chart = panels.chart(OverlaidDisplay(shown), _CHART)
        alt = "Histograms of CT and MRI, each scaled to its own range."
        caption = "Both, each from its 0.5th to its 99.5th percentile: compare shapes, not values."
        charts.append(chart | {"alt": alt, "caption": caption})
    return charts


def registration(found: Bunch, source: Source) -> Part | None:
    """The shifts of `check_pairing`, and the pairs whose MRI is shifted against its CT."""
    asked = found.pairing
    if asked is None or apart(found) or asked.pairs["shift"].isna().all():
        return None
    table, unit = asked.pairs, {"px": "pixels"}.get(asked.shift_unit, asked.shift_unit)
    bad = table[table["bad"]].sort_values("shift", ascending=False)
    seen = bad[~bad["ct"].isin(found.burned_in) & ~bad["mri"].isin(found.burned_in)]
    text = (
        f"For each of {len(table)} pairs, the shift with which the MRI fits its CT best was "
        f"estimated: the median is {table['shift'].median():.1f} {unit}, the largest "
        f"{table['shift'].max():.1f}. {len(bad) or 'None'} {'are' if len(bad) > 1 else 'is'} "
        "shifted by more than 1.5 % of the image's side."
    )
    if len(bad):
        text += (
            " The estimate can be wrong in slices with little brain, or where the head changed "
            "between the two scans (by surgery, for example): look at the outlines."
        )
    units = found.files.set_index("file")["units"]
    examples = [
        example
        for row in seen.head(_MOST_BAD).itertuples()
        for example in _moved_example(source, row, units[row.ct], unit)
    ]
    return {"text": text, "examples": examples}


def _moved_example(source: Source, row: Any, ct_units: Any, unit: str) -> list[Part]:
    place = None if np.isnan(row.place) else int(row.place)
    pair = images.read_pair(source, row.ct, row.mri, place)
    if pair is None:
        return []
    (ct, mri), name = pair, PurePosixPath(row.ct).name
    shown = [
        *_planes(ct, mri, ct_units),
        images.overlays(ct, mri, ct_units, name)[0],
        images.moved_panel(ct, mri, ct_units, name),
    ]
    down = f"{abs(row.shift_y):.1f} {unit} {'down' if row.shift_y > 0 else 'up'}"
    side = f"{abs(row.shift_x):.1f} {unit} to the {'right' if row.shift_x > 0 else 'left'}"
    said = f"The MRI seems shifted {down} and {side}."
    return [{"heading": _heading(row), "text": said, "panels": shown}]


def duplicates(found: Bunch, source: Source) -> Part | None:
    """All duplicates in a table, the most serious ones as pictures."""
    table = found.duplicates
    if table.empty:
        return None
    units = found.files.set_index("file")["units"]
    rows, examples = [], []
    for row in table.head(MOST_ROWS).itertuples():
        same = {True: "same", False: "different"}.get(row.same_patient, "not known")
        facts = [row.kind, f"{row.correlation:.3f}", same, row.splits or "-"]
        rows.append([row.file, row.other, row.modality, *facts])
    seen = table[~table["file"].isin(found.burned_in) & ~table["other"].isin(found.burned_in)]
    for row in seen.head(_MOST_DUPLICATES).itertuples():
        shown = [
            images.panel(
                images.read_plane(source, name), row.modality, units[name], label, name
            )
            for name, label in ((row.file, "One"), (row.other, "The other"))
        ]  # fmt: skip
        where = f", in {row.splits.replace(', ', ' and ')}" if row.splits else ""
        heading = f"{'Equal pixels' if row.kind == 'exact' else 'Nearly the same'}{where}"
        examples.append({"heading": heading, "text": "", "panels": shown})
    headings = ["File", "Other file", "Modality", "Kind", "Correlation", "Patient", "Splits"]
    caption = "Across splits or patients first."
    if len(table) > MOST_ROWS:
        caption += f" {len(table) - MOST_ROWS} more are not shown."
    text = (
        "Equal pixels, or the same slice in another window, size or compression. An image that is "
        "in training and in test makes results look better than they are."
    )
    parts = {"headings": headings, "rows": rows, "caption": caption}
    return {"text": text, "table": parts, "examples": examples}


def _heading(row: Any) -> str:
    a, b = PurePosixPath(row.ct), PurePosixPath(row.mri)
    return a.name if a.stem == b.stem else f"{row.ct} and {row.mri}"


def spread_rows(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` rows, evenly from all.

    Where patients are known, they are taken from the middle of each patient's slices, where there
    is most brain.
    """
    if table.empty:
        return table
    if table["patient"].notna().any():
        stacks = list(table.groupby("patient", dropna=False, sort=False))
        each = -(-most // len(stacks))
        levels = np.linspace(0.35, 0.65, each) if each > 1 else np.array([0.5])
        middle = [stack.iloc[np.unique((levels * len(stack)).astype(int))] for _, stack in stacks]
        table = pd.concat(middle)
    places = ((np.arange(most) + 0.5) * len(table) / most).astype(int)
    return table.iloc[np.unique(places)]
