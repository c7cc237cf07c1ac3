"""Which DICOM series a folder holds, from the headers alone.

Only the tags in `_TAGS` are read, none of them with the patient's name; what leaves this module
is a pseudonym, a modality, a series number, a count and a word out of a closed list. Messages
of pydicom are dropped, since they quote values and paths.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctmri_detect._extras import require
from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.volumes.dicom_files import (
    files_below,
    looks_like_dicom,
    transfer_syntax,
    why_unreadable,
)
from ctmri_detect.io.volumes.dicom_sequence import sequence_of
from ctmri_detect.io.volumes.pseudonym import pseudonym

MODALITIES = {"CT": "ct", "MR": "mri"}
_SINGLE_FRAME = {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"}  # CT, MR Image Storage
_MULTI_FRAME = {  # Enhanced CT, Enhanced MR, Legacy Converted Enhanced CT, MR
    f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2.1", "4.1", "2.2", "4.4")
}
_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "PatientID",
    "IssuerOfPatientID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
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
]


@dataclass(frozen=True)
class Slice:
    """One image file: where it is on the disk and in the patient (LPS, mm)."""

    path: Path
    instance: str
    syntax: str
    shape: tuple[int, int]
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    number: int | None = None


@dataclass
class Series:
    """The images of one series; `problem` says why it is not used unless it is asked for."""

    patient: str
    modality: str
    number: int | None
    sequence: str | None
    frame_of_reference: str
    problem: str = ""
    burned_in: bool = False
    slices: list[Slice] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As `skipped` names it."""
        return f"{self.patient}/{self.modality} series {self.number}"

    def __str__(self) -> str:
        sequence = f"{self.sequence}, " if self.sequence else ""
        return f"{self.number} ({sequence}{len(self.slices)} images)"


def holds_dicom(folder: Path) -> bool:
    """Whether the folder holds a DICOM file: by its first bytes, or by its ending."""
    return any(looks_like_dicom(path) for path in files_below(folder)[0])


def scan(
    folder: Path, patient: str | None, key: str | bytes | None
) -> tuple[list[Series], Skipped]:
    """All series of CT and MR images, and what else was found.

    Parameters
    ----------
    folder : Path
    patient : str or None
        A regular expression for the relative path; its first group, or the whole match, is
        hashed in the place of the PatientID.
    key : str, bytes or None
        For the pseudonyms.

    Returns
    -------
    series : list of Series
        By patient, modality and number.
    skipped : list of (str, str)
        A file is named by its place in the sorted list of files: a name may be a person's.
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
            who = _patient(header, path.relative_to(folder).as_posix(), patient, key)
            series = _series(header, who)
            one = _slice(header, path, series.problem)
        except _Unusable as error:
            skipped.append((name, str(error)))
            continue
        except Exception as error:  # damaged values raise whatever they are parsed by
            skipped.append((name, f"its header can't be read ({type(error).__name__})"))
            continue
        if one.instance in seen:
            skipped.append((name, "a copy of an image that was read already"))
            continue
        seen.add(one.instance)
        uid = str(header.get("SeriesInstanceUID", ""))
        kept = found.setdefault((series.patient, uid, series.problem), series)
        kept.burned_in |= series.burned_in
        kept.slices.append(one)
    order = sorted(found.values(), key=lambda s: (s.patient, s.modality, s.number or 0))
    return order, skipped


class _Unusable(ValueError):
    """A file that is left out, with a reason that may be shown."""


def _read_header(path: Path) -> Any:
    """The chosen tags; None for a file that does not claim to be DICOM."""
    if not looks_like_dicom(path):
        return None
    if why := why_unreadable(path):
        raise _Unusable(why)
    pydicom = require("pydicom", extra="volumes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # by force: where the preamble is missing, too
            header = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS)
            )
        except Exception as error:
            raise _Unusable(f"not readable as DICOM ({type(error).__name__})") from None
        if header.get("SOPClassUID") is None and header.get("Modality") is None:
            raise _Unusable("not readable as DICOM (neither SOPClassUID nor Modality)")
        for tag in _TAGS:  # values are parsed on first use, and warn then
            header.get(tag)
    return header


def _patient(header: Any, relative: str, pattern: str | None, key: str | bytes | None) -> str:
    if pattern is not None:
        match = re.search(pattern, relative)
        if match is None:
            raise _Unusable("patient= matches nothing in its path")
        return pseudonym(match.group(1 if match.re.groups else 0), key=key)
    identifier = str(header.get("PatientID") or "").strip()
    if not identifier:
        raise _Unusable("has no PatientID; pass patient=, a regular expression for the path")
    return pseudonym(identifier, str(header.get("IssuerOfPatientID") or ""), key=key)


def _series(header: Any, patient: str) -> Series:
    return Series(
        patient=patient,
        modality=MODALITIES.get(header.get("Modality", ""), "other"),
        number=_number(header.get("SeriesNumber")),
        sequence=sequence_of(header) if header.get("Modality") == "MR" else None,
        frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
        problem=_problem(header),
        burned_in=str(header.get("BurnedInAnnotation") or "").upper() == "YES",
    )


def _number(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def _problem(header: Any) -> str:
    """Why this object can't be a slice of a volume; empty where it can."""
    kinds = [str(kind).upper() for kind in header.get("ImageType") or []]
    sop_class = str(header.get("SOPClassUID", ""))
    if header.get("Modality") not in MODALITIES:
        return "neither CT nor MR"
    if sop_class in _MULTI_FRAME or int(header.get("NumberOfFrames") or 1) > 1:
        return "enhanced multi-frame, which is not read; convert it, for example with dcm2niix"
    if sop_class not in _SINGLE_FRAME:
        return "no CT or MR image (secondary capture, report, structure set, ...)"
    if "LOCALIZER" in kinds:
        return "localizer"
    if header.get("ImagePositionPatient") is None or header.get("ImageOrientationPatient") is None:
        return "has no position in the patient"
    if int(header.get("SamplesPerPixel") or 1) != 1:
        return "a colour image"
    return DERIVED if kinds[:1] == ["DERIVED"] else ""


_FAR = 1e6  # mm; NaN compares as False
DERIVED = "derived from other images; its number in ct_series= or mri_series= takes it"


def _is_place(vectors: list[tuple[float, ...]]) -> bool:
    """Whether position, orientation and pixel spacing are numbers that a head can have."""
    numbers = [abs(number) for vector in vectors for number in vector]
    whole = [len(vector) for vector in vectors] == [3, 6, 2]
    return whole and all(number < _FAR for number in numbers) and min(vectors[2]) > 0


def _slice(header: Any, path: Path, problem: str) -> Slice:
    """Only images that may be stacked need a geometry."""
    stackable = problem in ("", DERIVED)
    vectors = [
        tuple(float(v) for v in header.get(tag) or ()) if stackable else ()
        for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    ]
    if stackable and not _is_place(vectors):
        raise _Unusable("its position, orientation or pixel spacing is missing or damaged")
    return Slice(
        path=path,
        instance=str(header.get("SOPInstanceUID", "")) or str(path),
        syntax=transfer_syntax(header),
        shape=(int(header.get("Rows") or 0), int(header.get("Columns") or 0)),
        position=vectors[0],
        orientation=vectors[1],
        spacing=vectors[2],
        number=_number(header.get("InstanceNumber")),
    )
