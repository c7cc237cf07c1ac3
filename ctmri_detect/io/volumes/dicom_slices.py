"""The images of one DICOM file, as slices of a volume."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctmri_detect.io.volumes.dicom_files import transfer_syntax
from ctmri_detect.io.volumes.dicom_frames import (
    frames_of,
    image_types,
    is_enhanced,
    why_no_stack,
)

MODALITIES = {"CT": "ct", "MR": "mri"}
DERIVED = "derived from other images; its number in ct_series= or mri_series= takes it"

_SINGLE_FRAME = {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"}  # CT, MR Image Storage
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient")
_FAR = 1e6  # mm; NaN compares as False


class UnusableError(ValueError):
    """A file is left out; the message holds no personal data and may be shown."""


@dataclass(frozen=True)
class Slice:
    """One image: its file, and its place in the patient (LPS, mm).

    `frame` counts from 0 in a file of several frames, and is None in a file of one. `rescale` is
    the frame's slope and intercept. `number` is that of the image in its series.
    """

    path: Path
    syntax: str
    shape: tuple[int, int]
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    number: int | None = None
    frame: int | None = None
    rescale: tuple[float, float] | None = None


def problem_of(header: Any) -> str:
    """Why this object can't be slices of a volume; empty where it can."""
    kinds, enhanced = image_types(header), is_enhanced(header)
    if header.get("Modality") not in MODALITIES:
        return "neither CT nor MR"
    if enhanced and (why := why_no_stack(header)):
        return why
    if not enhanced and int(header.get("NumberOfFrames") or 1) > 1:
        return (
            "several frames without functional groups, so that their places are unknown; convert "
            "it, for example with dcm2niix"
        )
    if not enhanced and str(header.get("SOPClassUID", "")) not in _SINGLE_FRAME:
        return "no CT or MR image (secondary capture, report, structure set, ...)"
    if "LOCALIZER" in kinds:
        return "localizer"
    if not enhanced and any(header.get(tag) is None for tag in _PLACE):
        return "has no position in the patient"
    if int(header.get("SamplesPerPixel") or 1) != 1:
        return "a colour image"
    return DERIVED if kinds[:1] == ["DERIVED"] else ""


def slices_of(header: Any, path: Path, problem: str) -> list[Slice]:
    """The slices of a file; with a `problem` other than DERIVED, one slice without a place.

    Raises
    ------
    UnusableError
        If a place is missing or damaged.
    """
    shape = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    syntax = transfer_syntax(header)
    if problem not in ("", DERIVED):
        return [Slice(path, syntax, shape, (), (), ())]
    if is_enhanced(header):
        found = [
            Slice(path, syntax, shape, *one[:3], number=one.number, frame=i, rescale=one.rescale)
            for i, one in enumerate(frames_of(header))
        ]
    else:
        position, orientation, spacing = (
            tuple(float(v) for v in header.get(tag) or ()) for tag in (*_PLACE, "PixelSpacing")
        )
        said = optional(header, "InstanceNumber")
        number = int(said) if isinstance(said, int) else None
        found = [Slice(path, syntax, shape, position, orientation, spacing, number)]
    if not all(_is_placed(one) for one in found):
        raise UnusableError("its position, orientation or pixel spacing is missing or damaged")
    return found


def number_of(header: Any, tag: str) -> int | None:
    """A whole number of the header; None where there is none."""
    value = header.get(tag)
    return None if value in (None, "") else int(value)


def optional(header: Any, tag: str) -> Any:
    """A value that a file may lack; None if it is missing or damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            return header.get(tag)
        except Exception:  # a damaged value raises all kinds of errors
            return None


def _is_placed(one: Slice) -> bool:
    """Whether position, orientation and pixel spacing are numbers that a head can have."""
    vectors = one.position, one.orientation, one.spacing
    numbers = [abs(number) for vector in vectors for number in vector]
    whole = [len(vector) for vector in vectors] == [3, 6, 2]
    return whole and all(number < _FAR for number in numbers) and min(one.spacing) > 0
