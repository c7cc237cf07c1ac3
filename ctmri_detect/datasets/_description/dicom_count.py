"""DICOM files counted by series, without a word that names anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ctmri_detect.datasets._volumes.dicom_headers import scan

_NAMES = {"ct": "CT", "mri": "MRI"}


def count_series(folder: Path, patient: str | None) -> tuple[list[dict[str, Any]], list[str]]:
    """One row a series, and what to say about the rest.

    Headers are read without pixels. Patients and series are numbered; identifiers, dates,
    descriptions and names of folders go no further.

    Raises
    ------
    ImportError
        Without pydicom.
    """
    series, skipped = scan(folder, patient, None)
    numbers = {name: i for i, name in enumerate(dict.fromkeys(s.patient for s in series), 1)}
    rows = []
    for i, one in enumerate(series, 1):
        who = f"patient {numbers[one.patient]}"
        status = one.problem or "DICOM series: counted, not read; see load_volume_pairs"
        shape = one.slices[0].shape
        rows.append(
            {
                "file": f"{who}, series {i}",
                "modality": _NAMES.get(one.modality),
                "patient": who,
                "sequence": one.sequence,
                "status": status,
                "format": "dcm",
                "height": shape[0],
                "width": shape[1],
                "depth": len(one.slices),
            }
        )
    notes = []
    if skipped:
        notes.append(f"{len(skipped)} DICOM files were left out; the first: {skipped[0][1]}.")
    if any(one.burned_in for one in series):
        notes.append("Some DICOM images say that text is burned into them: it may name people.")
    return rows, notes
