"""DICOM files counted by series, without a word that names anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ctmri_detect.inspection.description import count
from ctmri_detect.inspection.file_findings import Finding
from ctmri_detect.io.volumes.dicom_headers import scan

_NAMES = {"ct": "CT", "mri": "MRI"}


def count_series(folder: Path, patient: str | None) -> tuple[list[dict[str, Any]], list[Finding]]:
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
    findings = []
    if burned := sum(one.burned_in for one in series):
        findings.append(
            (
                "warning",
                f"{count(burned, 'DICOM series')} of {len(series)} say that text is burned into "
                "their images: it may name people. Look at them before you share any.",
            )
        )
    if skipped:
        text = f"{count(len(skipped), 'DICOM file')} left out; the first: {skipped[0][1]}."
        findings.append(("note", text))
    return rows, findings
