"""Which DICOM series a folder holds, from the headers alone.

Only the tags in `_TAGS` and `_OPTIONAL` are read; none holds the patient's name. Results and
messages hold pseudonyms, modalities, numbers, and words of a closed list. Only `identities` gives
out identifiers. Messages of pydicom are dropped, because they quote values and paths.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctmri_detect._extras import require
from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.volumes.dicom_files import (
    files_below,
    looks_like_dicom,
    why_unreadable,
)
from ctmri_detect.io.volumes.dicom_frames import FRAME_TAGS, is_enhanced, timing_of
from ctmri_detect.io.volumes.dicom_people import PERSON_TAGS, Marks, identity_of, marks_of
from ctmri_detect.io.volumes.dicom_sequence import sequence_of
from ctmri_detect.io.volumes.dicom_slices import (
    MODALITIES,
    Slice,
    UnusableError,
    number_of,
    problem_of,
    slices_of,
)
from ctmri_detect.io.volumes.pseudonym import pseudonym

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "PatientID",
    "IssuerOfPatientID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "ImageType",
    "NumberOfFrames",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "FrameOfReferenceUID",
    "BurnedInAnnotation",
    "ScanningSequence",
    "EchoTime",
    "RepetitionTime",
    "InversionTime",
    *FRAME_TAGS,
]
_OPTIONAL = [*PERSON_TAGS, "InstanceNumber"]  # a file is read without them, too


@dataclass
class Series:
    """The images of one series; `problem` says why it is not used, "" where it may be used."""

    patient: str
    modality: str
    number: int | None
    sequence: str | None
    frame_of_reference: str
    problem: str = ""
    burned_in: bool = False
    slices: list[Slice] = field(default_factory=list)
    marks: Marks = field(default_factory=set, repr=False)

    @property
    def name(self) -> str:
        """The name of the series in `skipped`."""
        return f"{self.patient}/{self.modality} series {self.number}"

    def __str__(self) -> str:
        sequence = f"{self.sequence}, " if self.sequence else ""
        return f"{self.number} ({sequence}{len(self.slices)} images)"


def holds_dicom(folder: Path) -> bool:
    """Whether the folder holds a DICOM file, by ending or first bytes."""
    return any(looks_like_dicom(path) for path in files_below(folder)[0])


def scan(
    folder: Path, patient: str | None, key: str | bytes | None
) -> tuple[list[Series], Skipped]:
    """All DICOM series of a folder, and the files that were skipped.

    Parameters
    ----------
    folder : Path
    patient : str or None
        A regular expression for the relative path; its first group, or the whole match, is
        hashed in place of the PatientID.
    key : str, bytes or None
        Secret for the pseudonyms.

    Returns
    -------
    series : list of Series
        Sorted by patient, modality and number; also those with a `problem`.
    skipped : list of (str, str)
        Files and reasons. A file is given by its number among the sorted files, because its name
        may be a person's.
    """
    found: dict[tuple[str, str, str], Series] = {}
    files, broken = files_below(folder)
    skipped = [(f"folder or link {i}", reason) for i, (_, reason) in enumerate(broken, 1)]
    seen: set[str] = set()
    for number, path in enumerate(files, 1):
        name = f"file {number}"
        try:
            header = _read_header(path)
            if header is None:
                continue
            who, issuer = identity_of(header, path.relative_to(folder).as_posix(), patient)
            series = _series(header, pseudonym(who, key, issuer=issuer))
            slices = slices_of(header, path, series.problem)
        except UnusableError as error:
            skipped.append((name, str(error)))
            continue
        except Exception as error:  # damaged values raise all kinds of errors
            skipped.append((name, f"its header can't be read ({type(error).__name__})"))
            continue
        instance = str(header.get("SOPInstanceUID", "")) or str(path)
        if instance in seen:
            skipped.append((name, "a copy of an image that was read already"))
            continue
        seen.add(instance)
        uid = str(header.get("SeriesInstanceUID", ""))
        kept = found.setdefault((series.patient, uid, series.problem), series)
        kept.burned_in |= series.burned_in
        kept.slices += slices
        kept.marks |= series.marks
    order = sorted(found.values(), key=lambda s: (s.patient, s.modality, s.number or 0))
    return order, skipped


def identities(folder: Path, patient: str | None) -> list[tuple[str, str]]:
    """The PatientID and issuer of all patients, sorted; see `identity_of`.

    Only this function gives out identifiers. It is for `write_pseudonyms`.
    """
    found = set()
    for path in files_below(folder)[0]:
        try:
            header = _read_header(path)
            if header is not None:
                found.add(identity_of(header, path.relative_to(folder).as_posix(), patient))
        except Exception:  # a damaged file, which `scan` reports
            continue
    return sorted(found)


def _read_header(path: Path) -> Any:
    """The chosen tags; None for a file that does not claim to be DICOM."""
    if not looks_like_dicom(path):
        return None
    if why := why_unreadable(path):
        raise UnusableError(why)
    pydicom = require("pydicom", extra="volumes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # force: also without a preamble
            header = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=[*_TAGS, *_OPTIONAL]
            )
        except Exception as error:
            raise UnusableError(f"not readable as DICOM ({type(error).__name__})") from None
        if header.get("SOPClassUID") is None and header.get("Modality") is None:
            raise UnusableError("not readable as DICOM (neither SOPClassUID nor Modality)")
        for tag in _TAGS:  # parse the values here, where their warnings are silenced
            header.get(tag)
    return header


def _series(header: Any, patient: str) -> Series:
    return Series(
        patient=patient,
        modality=MODALITIES.get(header.get("Modality", ""), "other"),
        number=number_of(header, "SeriesNumber"),
        sequence=_sequence(header),
        frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
        problem=problem_of(header),
        burned_in=str(header.get("BurnedInAnnotation") or "").upper() == "YES",
        marks=marks_of(header),
    )


def _sequence(header: Any) -> str | None:
    if header.get("Modality") != "MR":
        return None
    return sequence_of(timing_of(header) if is_enhanced(header) else header)
