"""The files of a folder that are inspected, and which of them belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.inspection.description import split_of
from ctmri_detect.inspection.file_stats import file_format
from ctmri_detect.layouts.find import find_pairs
from ctmri_detect.layouts.matching import SeveralSequencesError
from ctmri_detect.layouts.planes import Planes, is_together


class FoundFiles(NamedTuple):
    """The frame of `find_pairs`, and the planes of its samples."""

    pairs: pd.DataFrame
    planes: Planes


def find_files(
    folder: Path, patient: str | None, modality: str, sequence: str | Sequence[str] | None
) -> FoundFiles:
    """What `find_pairs` finds; in a folder with only one modality, without pairing.

    Where a head has several sequences and none was chosen, each becomes a plane.
    """
    found = _found(folder, patient, modality, sequence)
    if not found.planes.is_pair or found.pairs.attrs["kind"] == "dicom":
        return found
    there = [name for name in ("ct", "mri") if found.pairs[name].notna().any()]
    if len(there) != 1 or (there == ["ct"] and sequence is not None):
        return found
    try:
        return _found(folder, patient, there[0], sequence)
    except DataLoadingError:
        return found


def _found(
    folder: Path, patient: str | None, modality: str, sequence: str | Sequence[str] | None
) -> FoundFiles:
    try:
        pairs = find_pairs(folder, patient=patient, sequence=sequence, modality=modality)
    except SeveralSequencesError as error:
        sequence = error.sequences
        pairs = find_pairs(folder, patient=patient, sequence=sequence, modality=modality)
    return FoundFiles(pairs, Planes.wanted(modality, sequence))


def listed(pairs: pd.DataFrame, planes: Planes) -> list[dict[str, Any]]:
    """One entry for each file of the frame; those of a sample follow one another."""
    entries = []
    for row in pairs.to_dict("records"):
        for plane in planes.names:
            if not isinstance(row[plane], str):
                continue
            entries.append(
                {
                    "file": row[plane],
                    "modality": "CT" if plane == "ct" else "MRI",
                    "patient": row["patient"],
                    "slice": row["slice"],
                    "sequence": _sequence(plane, row["sequence"]),
                    "split": split_of(row[plane]),
                    "format": file_format(row[plane]),
                    "status": row["status"],
                }
            )
    return entries


def _sequence(plane: str, sequence: Any) -> Any:
    if plane == "ct":
        return None
    return sequence if plane == "mri" else plane


def couples(pairs: pd.DataFrame, planes: Planes) -> pd.DataFrame:
    """Each CT with an MRI, in the columns `ct` and `mri`; of several sequences the most frequent.

    Empty if there is no CT or no MRI.

    Examples
    --------
    >>> rows = [["a", "b", None, "p", "lacks FLAIR"], [None, "c", "d", "p", "lacks CT"]]
    >>> frame = pd.DataFrame(rows, columns=["ct", "t1", "flair", "patient", "status"])
    >>> couples(frame, Planes.wanted("both", ("t1", "flair")))[["ct", "mri"]].values.tolist()
    [['a', 'b']]
    """
    mris = [name for name in planes.names if name != "ct"]
    if "ct" not in planes.names or not mris:
        return pairs.iloc[:0].assign(ct=None, mri=None)
    with_ct = pairs[is_together(pairs) & pairs["ct"].notna()]
    counts = with_ct[mris].notna().sum()
    most = str(counts.idxmax())
    return with_ct[with_ct[most].notna()].assign(mri=lambda frame: frame[most])
