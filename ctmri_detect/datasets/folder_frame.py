"""The frame of the slices of a folder: their files, and what the labels file says of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.reading import Collected
from ctmri_detect.layouts.label_rows import rows_of
from ctmri_detect.layouts.labels import CARRIED, carried, patients_from
from ctmri_detect.layouts.planes import Planes, first_file


def labelled(
    pairs: pd.DataFrame, table: pd.DataFrame, skipped: Skipped, name: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pairs that have a row in the labels file, and these rows."""
    rows = rows_of(table, pairs)
    unused = table["file"].drop(index=[row for row in rows if row is not None]).dropna()
    if len(unused):
        reason = f"{len(unused)} of its {len(table)} rows fit no pair, such as {unused.iloc[0]!r}"
        skipped.append((name, reason))
    has_row = np.array([row is not None for row in rows], dtype=bool)
    without = [first_file(row) for _, row in pairs[~has_row].iterrows()]
    skipped += [(file, "no row in the labels file") for file in without]
    kept = pairs[has_row].reset_index(drop=True)
    return kept, table.iloc[[row for row in rows if row is not None]].reset_index(drop=True)


def sample_frame(
    pairs: pd.DataFrame, rows: pd.DataFrame | None, column: str | None
) -> pd.DataFrame:
    """The frame of the samples: `rows` are theirs in the labels file, `column` names patients."""
    frame = pairs.drop(columns="status").reset_index(drop=True)
    frame.attrs = {}
    frame.insert(list(frame).index("slice") + 1, "spacing", np.nan)
    frame["kind"] = None
    if rows is not None:
        for name in CARRIED:
            if name in rows:
                frame[name] = carried(rows, name)
        if column is not None:
            frame["patient"] = pd.Series(patients_from(rows, column), dtype=object)
    return frame


def without_missing(frame: pd.DataFrame, planes: Planes, read: Collected) -> None:
    """Remove from the frame the files that could not be read; they are in `skipped`."""
    for plane, name in enumerate(planes.names):
        missing = np.array([not scales[plane] for scales in read.scales], dtype=bool)
        frame.loc[missing, name] = None
