"""Maps of scored pairs as files, and the page of the most anomalous patients."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._extras import require
from ctmri_detect.cli._messages import tell
from ctmri_detect.cli._output import MAPS
from ctmri_detect.cli._tables import name_of
from ctmri_detect.io import MapWriter
from ctmri_detect.io.volumes.scan_maps import IMAGE_KINDS
from ctmri_detect.scoring_runs import open_maps

if TYPE_CHECKING:
    from ctmri_detect.reports.patient_slices import Maps

_REPORT = "report.html"
_AT_ONCE = 64  # maps in memory


def check_extras(args: argparse.Namespace) -> None:
    """Refuse --report where a package for it is missing, before anything is read.

    Without --report and --no-report, the page is then left out, with a note.
    """
    if args.report is False:
        return
    try:
        require("jinja2", extra="report")
        require("matplotlib", extra="plot")
    except ImportError as error:
        if args.report:
            raise
        tell(f"note: no {_REPORT}: {error}")
        args.report = False
    else:
        args.report = True


def keeps_maps(args: argparse.Namespace, n: int) -> bool:
    """Whether a run of `n` pairs keeps its maps: to write them, or because the page shows most."""
    if args.maps is not None or not args.report:
        return args.maps is not None
    from ctmri_detect.reports.patient_slices import MOST_SLICES
    from ctmri_detect.reports.patients import N_PATIENTS

    return n <= N_PATIENTS * MOST_SLICES


def check_maps(args: argparse.Namespace, pairs: Bunch) -> None:
    """Refuse maps that don't fit the pairs, before anything is scored.

    Raises
    ------
    ValueError
        If NIfTI is asked for, and the pairs are no slices of volumes.
    """
    frame = pairs.data.frame
    if args.maps == "nifti" and (frame is None or "grid" not in frame):
        raise ValueError(
            "--maps nifti writes maps on the grid of a volume (NIfTI, DICOM, ...), and this folder "
            "holds slices. Give --maps npy or --maps tiff."
        )


def write_all_maps(args: argparse.Namespace, pairs: Bunch, kept: Path, folder: Path) -> str:
    """Write the maps that a run kept, if --maps asks for them; returns what was written.

    A note names maps that don't lie on the scan's own grid.
    """
    if args.maps is None:
        return ""
    with MapWriter(pairs.data, folder / MAPS, form=args.maps, names=_names(pairs)) as writer:
        for start in range(0, len(pairs.data), _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, len(pairs.data)))
            writer.add(rows, open_maps(kept, rows))
    maps = [file for file in writer.written if file.kind not in IMAGE_KINDS]
    other = [file.path.name for file in maps if file.note]
    if other:
        tell(
            f"note: {len(other)} maps, such as {other[0]}, are not on the scan's own grid, which "
            "is tilted or uneven: open each over the image beside it"
        )
    return f", {len(writer.written)} files in {MAPS}"


def write_report(
    args: argparse.Namespace,
    pairs: Bunch,
    scored: pd.DataFrame,
    decided: pd.DataFrame | None,
    maps: Maps,
    folder: Path,
    *,
    threshold: bool,
) -> str:
    """Write the page of the most anomalous patients, if wanted; returns what was written."""
    if not args.report:
        return ""
    from ctmri_detect.reports import write_patients

    write_patients(
        scored,
        pairs.data,
        folder / _REPORT,
        maps=maps,
        patients=decided,
        names=_names(pairs),
        orientation=pairs.orientation,
        threshold=threshold,
    )
    return f", {_REPORT}"


def _names(pairs: Bunch) -> list[str]:
    return [name_of(row) for row in pairs.frame.itertuples()]
