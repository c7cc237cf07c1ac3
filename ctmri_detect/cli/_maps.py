"""Maps of scored pairs as files, and the page of the most anomalous patients."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect._extras import require
from ctmri_detect.cli._messages import tell
from ctmri_detect.cli._output import MAPS
from ctmri_detect.exceptions import CtmriDetectWarning
from ctmri_detect.io import MapWriter
from ctmri_detect.localization import anomaly_map
from ctmri_detect.pipelines import has_threshold

REPORT = "report.html"


def check_extras(args: argparse.Namespace) -> None:
    """Refuse what can't be written, before anything is scored."""
    if args.report:
        require("jinja2", extra="report")
        require("matplotlib", extra="plot")


def map_writer(
    args: argparse.Namespace, pairs: Bunch, names: Sequence[str], folder: Path
) -> AbstractContextManager[MapWriter | None]:
    """Writes the maps that are added to it; None where none are asked for.

    Raises
    ------
    ValueError
        Where NIfTI is asked for, and the pairs are no slices of volumes.
    """
    if args.maps is None:
        return nullcontext()
    frame = pairs.data.frame
    if args.maps == "nifti" and (frame is None or "grid" not in frame):
        raise ValueError(
            "--maps nifti puts maps back onto volumes (NIfTI, DICOM, ...), and this folder holds "
            "slices. Give --maps npy or --maps tiff."
        )
    return MapWriter(pairs.data, folder / MAPS, form=args.maps, names=names)


def say_maps(writer: MapWriter | None) -> str:
    """What was written, for the last line; maps that don't lie on the CT's own grid are named."""
    if writer is None:
        return ""
    other = [file.path.name for file in writer.written if file.note and file.kind != "ct"]
    if other:
        tell(
            f"note: {len(other)} maps, such as {other[0]}, are not on the CT's own grid, which is "
            "tilted or uneven: open each over the CT that lies beside it"
        )
    return f", {len(writer.written)} files in {MAPS}"


def write_report(
    model: BaseEstimator, pairs: Bunch, scores: pd.DataFrame, names: Sequence[str], folder: Path
) -> None:
    """Write the page of the most anomalous patients, out of the scores of all samples."""
    from ctmri_detect.reports import write_patients

    def maps(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CtmriDetectWarning)  # scoring has said it
            return anomaly_map(model, pairs.data[rows])

    write_patients(
        scores,
        pairs.data,
        folder / REPORT,
        maps=maps,
        names=names,
        orientation=pairs.orientation,
        threshold=has_threshold(model),
    )
