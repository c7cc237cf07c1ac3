"""Describe a folder of CT and MRI before a model is trained on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.utils import Bunch
from tqdm import tqdm

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import RandomState
from ctmri_detect.inspection.description import (
    modality_table,
    pairs_with_sizes,
    sequence_table,
    summary,
)
from ctmri_detect.inspection.dicom_series import list_series
from ctmri_detect.inspection.duplicates import find_duplicates
from ctmri_detect.inspection.file_stats import FileStats, read_file_stats, read_series_stats
from ctmri_detect.inspection.findings import list_findings, place_findings
from ctmri_detect.inspection.found_files import couples, find_files, listed
from ctmri_detect.inspection.pairing_sample import check_slices, check_volumes
from ctmri_detect.inspection.source import Source
from ctmri_detect.io.volumes.volume_set import VolumeSet
from ctmri_detect.layouts.planes import Planes
from ctmri_detect.layouts.volume_pairs import Wanted, list_volume_pairs

FILE_COLUMNS = [
    *("file", "modality", "patient", "slice", "sequence", "split", "status", "reason"),
    *("format", "dtype", "channels", "colour", "height", "width", "depth", "spacing", "units"),
    *("min", "max", "mean", "std", "median", "blank", "inverted", "sha256"),
]


@with_default_floats
def describe_pairs(
    folder: str | Path,
    *,
    patient: str | None = None,
    sequence: str | Sequence[str] | None = None,
    modality: str = "both",
    random_state: RandomState = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Bunch:
    r"""Describe a folder of CT and MRI: what it holds, and its problems.

    Every file is read, one at a time, in any layout that `find_pairs` knows: slices, volumes in
    single files, and DICOM series, whose patients and series get numbers in place of names. It
    looks for damaged files, duplicate images (also across training and test), mixed sizes, types
    and units, and volumes whose position is not certain. `check_pairing` tests whether CT and MRI
    show the same heads, and `check_modalities` whether CT and MRI are exchanged.

    When it fails: copies that were cropped, rotated, shifted or mirrored are not found as
    duplicates. Text burned into images is not looked for. The units of a CT are a guess from its
    values. Each volume or DICOM series counts as one image: a damaged slice in it is not found.

    Parameters
    ----------
    folder : str or Path
        Where the files are, at any depth; see `find_pairs`.
    patient : str, default=None
        A regular expression that finds the patient in a file's path, as in `find_pairs`.
    sequence : str or sequence of str, default=None
        The MRI sequences to pair, where a CT has several; None takes all of them.
    modality : {"both", "ct", "mri"}, default="both"
        The images to look at. In a folder of only one modality, nothing is paired.
    random_state : int, RandomState or None, default=0
        Seed for `check_pairing`.
    n_jobs : int, default=None
        Threads that read files, as in joblib: None means 1, -1 all cores. The result is the same.
    progress : bool, default=False
        Show a progress bar on stderr.

    Returns
    -------
    Bunch
        - files: DataFrame, one row for each file (for each series of DICOM): file (relative path),
          modality, patient, slice, sequence, split ("train", "val", "test" or ""), status (of
          `find_pairs`), reason ("" or why it can't be read), format, dtype, channels, colour,
          height, width, depth, spacing (mm, columns x rows x slices), units (CT: "hu", "uint8" or
          None), min, max, mean, std, median, blank (share of background), inverted (whether air is
          bright and the head dark), sha256.
        - modalities: DataFrame, one row for each modality, over readable files.
        - sequences: DataFrame, one row for each MRI sequence, with files and patients. planes: the
          names of the planes of a sample of this folder.
        - pairs: DataFrame of `find_pairs`, with `same_size` (bool or NA). couples: its rows with a
          CT and an MRI, which `pairing` compares; of several sequences the most frequent.
        - duplicates: DataFrame: file, other, modality, kind ("exact" pixels or "near"),
          correlation, same_patient (None where unknown), splits (where they differ).
        - damaged: DataFrame: file, modality, reason.
        - pairing: Bunch with the verdicts of `check_pairing` (the same that `load_volume_pairs` and
          a fit give) and `exchanged` of `check_modalities`; None without a pair. Of volumes, at
          most 24 pairs are compared. Its `pairs` are at most 128 pairs with their shifts; `bad`
          marks those that are shifted by more than 1.5 % of the side.
        - findings: list of (severity, text), "error", "warning" or "note", worst first.
        - intensities: dict of modality to float32 array: a sample of the values, for histograms.
        - series, burned_in: of DICOM, what `write_inspection` needs.
        - summary: dict of plain types, for JSON.

    Raises
    ------
    DataLoadingError
        If there is no such folder, or `find_pairs` can't tell which files belong together.
    ValueError
        For a bad parameter.
    ImportError
        If the folder holds volumes and nibabel or pydicom is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ctmri_detect.inspection import describe_pairs
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for plane in ("CT", "MRI"):
    ...         (Path(name) / plane).mkdir()
    ...         for file in ("p1_1", "p1_2"):
    ...             np.save(Path(name) / plane / f"{file}.npy", np.eye(8))
    ...     found = describe_pairs(name, patient=r"(p\d+)_")
    >>> found.modalities["files"].to_dict()
    {'CT': 2, 'MRI': 2}
    >>> [kind for kind in found.duplicates["kind"]]
    ['exact', 'exact']
    """
    folder = Path(folder)
    pairs, planes = find_files(folder, patient, modality, sequence)
    dicom = None
    if pairs.attrs["kind"] == "dicom":
        dicom = list_series(folder, patient, planes)
        pairs, planes = dicom.pairs, dicom.planes
    attributes = dict(pairs.attrs) | {"planes": planes}
    source = Source(folder, {} if dicom is None else dicom.readers)
    entries = listed(pairs, planes) if dicom is None else dicom.rows
    read = list(_read(source, entries, n_jobs, progress))
    attributes["findings"] = [] if dicom is None else dicom.findings
    attributes["findings"] += place_findings(pairs, read)
    files = pd.DataFrame([stats.row for stats in read]).reindex(columns=FILE_COLUMNS)
    for column in ("split", "reason"):
        files[column] = files[column].astype(object).fillna("")
    values = _pooled(files, read)
    duplicates = find_duplicates(files, [s.digest for s in read], [s.thumb for s in read])
    pairs = pairs_with_sizes(pairs, files)
    together = couples(pairs, planes)
    if attributes["kind"] == "slices":
        pairing = check_slices(source, together, random_state)
    else:
        sets = _volumes(folder, patient, planes) if dicom is None else dicom.together
        pairing = check_volumes(sets, random_state)
    found = Bunch(
        files=files,
        modalities=modality_table(files, values),
        sequences=sequence_table(files),
        planes=planes.modalities,
        pairs=pairs,
        couples=together,
        duplicates=duplicates,
        damaged=files.loc[files["reason"] != "", ["file", "modality", "reason"]],
        pairing=pairing,
        intensities=values,
        series=source.series,
        burned_in=[] if dicom is None else dicom.burned_in,
    )
    why = {s.row["units_why"] for s in read if s.row.get("units_why")}
    found.findings = list_findings(found, attributes, sorted(why))
    found.summary = summary(found, attributes)
    return found


def _volumes(folder: Path, patient: str | None, planes: Planes) -> list[VolumeSet]:
    """The volumes that `load_volume_pairs` would cut, without their lesions."""
    sequence = planes.sequences[0] if planes.is_pair and planes.sequences else planes.sequences
    sets, _ = list_volume_pairs(folder, Wanted(patient, sequence or None, modality=planes.modality))
    return [replace(scans, read_lesion=None) for scans in sets]


def _read(
    source: Source, entries: list[dict[str, Any]], n_jobs: int | None, progress: bool
) -> Iterator[FileStats]:
    """The statistics of each entry, in order; one file at a time is held in memory."""
    jobs = (delayed(_stats)(source, entry) for entry in entries)
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    yield from tqdm(results, total=len(entries), disable=not progress, unit="file")


def _stats(source: Source, entry: dict[str, Any]) -> FileStats:
    if entry["format"] != "dcm":
        stats = read_file_stats(source.folder, entry["file"], entry["modality"])
    elif entry["file"] in source.series:
        stats = read_series_stats(source.series[entry["file"]], entry["modality"])
    else:
        return FileStats(entry)  # its status says why it is no volume
    return replace(stats, row=entry | stats.row)


def _pooled(files: pd.DataFrame, read: list[FileStats]) -> dict[str, np.ndarray]:
    """A sample of the finite values of each modality."""
    pooled = {}
    for modality, rows in files.groupby("modality"):
        parts = [v for i in rows.index if (v := read[i].sample) is not None]
        if parts:
            values = np.concatenate(parts)
            pooled[str(modality)] = values[np.isfinite(values)]
    return pooled
