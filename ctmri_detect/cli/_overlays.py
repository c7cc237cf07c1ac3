"""Pictures of the most anomalous pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.utils import Bunch
from tqdm import tqdm

from ctmri_detect.cli._messages import hide_progress, one_line, tell
from ctmri_detect.cli._tables import file_of, name_of

if TYPE_CHECKING:
    from ctmri_detect.reports.patient_slices import Maps


def draw_overlays(
    pairs: Bunch,
    top: pd.DataFrame,
    maps: Maps,
    folder: Path,
    *,
    quiet: bool,
) -> int:
    """Draw these pairs with their maps; returns how many failed, with a warning for each.

    `maps` takes rows and gives their maps.
    """
    if top.empty:
        return 0
    from ctmri_detect.plotting import OverlayWriter
    from ctmri_detect.plotting.marks import height_of

    writer = OverlayWriter(
        modalities=pairs.data.modalities,
        roles=pairs.data.roles,
        ct_units=pairs.ct_units,
        orientation=pairs.orientation,
    )
    failed, rows = 0, zip(top.itertuples(), maps(top.index.to_numpy()), strict=True)
    hidden = hide_progress(quiet=quiet)
    for row, heat in tqdm(rows, total=len(top), desc="drawing", unit="pair", disable=hidden):
        path = folder / f"{row.rank:03d}_{name_of(row)}.png"
        numbers = f"anomaly score {row.anomaly_score:.1f}, p = {row.p_value:.3f}"
        title = f"{row.rank}. {name_of(row)}: {numbers}"
        try:
            height = height_of(pairs.data, row.Index)
            writer.write(pairs.data[row.Index], heat, path, title=title, z_mm=height)
        except Exception as error:  # the other pictures are still drawn
            failed += 1
            tell(f"warning: no overlay of {file_of(row)}: {one_line(error)}")
    return failed
