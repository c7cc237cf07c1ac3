"""DICOM files that are damaged, lie, or are no regular grid; never a word of who it is."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from ..case import Case, kind
from ..dicom_series import DEFLATED, EXPLICIT, IMPLICIT, RLE, box, content, save, series
from ..expect_volumes import nobody_left, patients_are
from .damage import DAMAGES
from .dicom import begin, stored


def pair(case: Case) -> tuple[list[Dataset], list[Dataset], Any, float]:
    """A CT to be damaged, an MRI, the right slices and their spacing."""
    begin(case)
    shape, lattice = box(case)
    ct, mri = stored(case, shape), stored(case, shape)
    right = np.stack([ct, mri], axis=1).astype("f4")
    spacing = float(lattice.steps[2, 0])
    return series(case, "CT", ct, lattice), series(case, "MR", mri, lattice), right, spacing


@kind(6)
def any_damage(case: Case) -> None:
    ct, mri, *_ = pair(case)
    save(case, mri, "b")
    for i, ds in enumerate(ct):
        whole = content(ds, case.choice(EXPLICIT, IMPLICIT, RLE))
        if i == 0 or case.chance(0.2):
            whole = case.choice(*DAMAGES)(case, whole)
        case.write(f"a/{i}.dcm", whole)
    case.secrets = []  # a damaged length can make any text the value of any tag


@kind(2)
def cut_off(case: Case) -> None:
    """A slice without all of its pixels leaves a hole, which is no volume."""
    ct, mri, *_ = pair(case)
    save(case, mri, "b")
    odd = case.whole(0, len(ct) - 1)
    for i, ds in enumerate(ct):
        whole = content(ds)
        short = len(whole) - case.whole(1, len(ds.PixelData) - 1)
        case.write(f"a/{i}.dcm", whole[:short] if i == odd else whole)
    case.expect(nobody_left("CT"))


def _moved(by: tuple[float, float, float]) -> Callable[[list[Dataset], int], None]:
    def move(ct: list[Dataset], odd: int) -> None:
        where = [float(v) for v in ct[odd].ImagePositionPatient]
        ct[odd].ImagePositionPatient = [a + b for a, b in zip(where, by, strict=True)]

    return move


def _smaller(ct: list[Dataset], odd: int) -> None:
    ct[odd].Rows -= 1
    ct[odd].PixelData = ct[odd].PixelData[: 2 * ct[odd].Rows * ct[odd].Columns]


def _all(**tags: Any) -> Callable[[list[Dataset], int], None]:
    def change(ct: list[Dataset], odd: int) -> None:
        for ds in ct:
            for tag, value in tags.items():
                setattr(ds, tag, value)

    return change


_GRIDS: dict[str, Callable[[list[Dataset], int], Any]] = {
    "one slice": lambda ct, odd: ct.__delitem__(slice(1, None)),
    "one place": lambda ct, odd: setattr(
        ct[odd], "ImagePositionPatient", ct[0].ImagePositionPatient
    ),
    "uneven|missing": _moved((0, 0, 0.9)),
    "shapes": _smaller,
    "spacings": lambda ct, odd: setattr(ct[odd], "PixelSpacing", [7, 7]),
    "orientations": lambda ct, odd: setattr(ct[odd], "ImageOrientationPatient", [0, 1, 0, 0, 0, 1]),
    "line": _moved((40, 0, 0)),
    "perpendicular": _all(ImageOrientationPatient=[1, 0, 0, 0.7, 0.7, 0]),
    "orientation": _all(ImageOrientationPatient=["nan"] * 6),
    "pixel spacing": _all(PixelSpacing=["1e300", "1e300"]),
    "spacing": _all(PixelSpacing=["0", "0"]),
    "spacing is": _all(PixelSpacing=["inf", "-1"]),
    "position": _all(ImagePositionPatient=["nan", "0", "0"]),
}
"""What is done to a CT, by words of the reason that it should be refused for."""


@kind(3)
def no_grid(case: Case) -> None:
    """Slices that are missing, there twice, uneven, tilted, or of other shapes."""
    ct, mri, *_ = pair(case)
    words = case.choice(*_GRIDS)
    _GRIDS[words](ct, case.whole(1, len(ct) - 2))
    save(case, ct, "a")
    save(case, mri, "b")
    case.expect(nobody_left(words))


@kind(4)
def values_of_no_meaning(case: Case) -> None:
    """Text where numbers should be, empty values, several values, other types."""
    ct, mri, *_ = pair(case)
    tag, vr = case.choice(
        ("SeriesNumber", "IS"), ("NumberOfFrames", "IS"), ("PixelSpacing", "DS"),
        ("ImagePositionPatient", "DS"), ("RescaleSlope", "DS"), ("RescaleIntercept", "DS"),
        ("ImageType", "CS"), ("PatientID", "LO"), ("SOPInstanceUID", "UI"), ("EchoTime", "DS"),
        ("BurnedInAnnotation", "CS"), ("SpecificCharacterSet", "CS"), ("Modality", "CS"),
        ("FrameOfReferenceUID", "UI"), ("SeriesDescription", "LO"), ("ScanningSequence", "CS"),
        ("PhotometricInterpretation", "CS"), ("SOPClassUID", "UI"), ("SeriesInstanceUID", "UI"),
    )  # fmt: skip
    value = case.choice(
        b"", b" ", b"abc ", b"1\\2\\3 ", b"1,5 ", b"1e400 ", b"nan ", b"-inf", b"\xff\xfe\xfd\xfc",
        b"\0\0", b"1" * 400, b"0 ", b"-1", b"\\\\\\ ", b"ISO_IR 192\\GB18030 ", b"\x1b$)C",
        b"9999999999999999999 ", b"1.5 ",
    )  # fmt: skip
    odd = ct if case.chance(0.5) else mri
    for ds in odd if case.chance(0.7) else odd[:1]:
        whole = content(ds)
        number = Dataset()
        setattr(number, tag, None)
        element = next(iter(number)).tag
        body = value + b"\0" * (len(value) % 2)
        line = struct.pack("<HH2sH", element.group, element.elem, vr.encode(), len(body)) + body
        case.write(f"{ds.Modality}/{ds.InstanceNumber}.dcm", _exchanged(whole, element, line))
    for ds in ct + mri:
        name = f"{ds.Modality}/{ds.InstanceNumber}.dcm"
        if not (case.folder / name).exists():
            case.write(name, content(ds))


def _exchanged(whole: bytes, element: Any, line: bytes) -> bytes:
    """The file with this element in the place of its own, or before the pixels."""
    mark = struct.pack("<HH", element.group, element.elem)
    at = whole.find(mark, 132)
    if at < 0 or whole[at + 4 : at + 6] in (b"OW", b"OB", b"SQ"):
        at = whole.rfind(struct.pack("<HH", 0x7FE0, 0x0010))
        return whole[:at] + line + whole[at:]
    length = struct.unpack("<H", whole[at + 6 : at + 8])[0]
    return whole[:at] + line + whole[at + 8 + length :]


@kind(3)
def pixels_lie(case: Case) -> None:
    """A size, a number of bits or a compression that the pixels don't have."""
    ct, mri, *_ = pair(case)
    tags: dict[str, Any] = case.choice(
        {"Rows": 65535}, {"Rows": 0}, {"Columns": 1}, {"BitsAllocated": 8}, {"BitsAllocated": 32},
        {"BitsAllocated": 1}, {"BitsStored": 0}, {"BitsStored": 40, "HighBit": 39},
        {"NumberOfFrames": 10000}, {"NumberOfFrames": 0}, {"SamplesPerPixel": 0},
        {"PixelData": b""},
        {"SamplesPerPixel": 3}, {"Rows": 65535, "Columns": 65535}, {"PixelRepresentation": 7},
        {"PhotometricInterpretation": "RGB"}, {"PhotometricInterpretation": ""},
        {"PhotometricInterpretation": "PALETTE COLOR"},
    )  # fmt: skip
    for ds in ct:
        for tag, value in tags.items():
            setattr(ds, tag, value)
    save(case, ct, "a")
    save(case, mri, "b")
    first = next(iter(tags))
    if (
        first in ("Rows", "Columns", "BitsAllocated", "PixelData")
        or tags.get("SamplesPerPixel") == 3
    ):
        case.expect(nobody_left(""))


@kind()
def syntax_lies(case: Case) -> None:
    """A transfer syntax that is unknown, needs a decoder, or is another than the file's."""
    ct, mri, *_ = pair(case)
    syntax = case.choice(
        "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80", "1.2.3.4.5",
        "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.201", "hello", "",
    )  # fmt: skip
    for i, ds in enumerate(ct):
        old = b"\x02\0\x10\0UI" + struct.pack("<H", 20) + EXPLICIT.encode() + b"\0"
        value = syntax.encode() + b"\0" * (len(syntax) % 2)
        new = b"\x02\0\x10\0UI" + struct.pack("<H", len(value)) + value
        case.write(f"a/{i}.dcm", _with_length(content(ds).replace(old, new), len(value) - 20))
    save(case, mri, "b")
    if syntax:
        case.expect(nobody_left(""))


def _with_length(whole: bytes, more: int) -> bytes:
    """Group 2 is longer or shorter now."""
    length = struct.unpack("<I", whole[140:144])[0] + more
    return whole[:140] + struct.pack("<I", length) + whole[144:]


_BEGIN = struct.pack("<HH2sHIHHI", 8, 0x1140, b"SQ", 0, 2**32 - 1, 0xFFFE, 0xE000, 2**32 - 1)
_END = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)  # of an item, of its sequence


def _nested(whole: bytes, depth: int) -> bytes:
    """The file with sequences inside sequences at its beginning."""
    at = whole.index(struct.pack("<HH", 8, 0x16), 132)
    return whole[:at] + _BEGIN * depth + _END * depth + whole[at:]


def _endless(whole: bytes) -> bytes:
    """The file with a sequence that never ends in the place of its pixels."""
    at = whole.rfind(struct.pack("<HH", 0x7FE0, 0x0010))
    return whole[:at] + _BEGIN[:12]


@kind(2)
def hostile_structure(case: Case) -> None:
    """Nested a thousand times, endless lengths, private blocks: values are right or refused."""
    ct, mri, right, spacing = pair(case)
    form = case.choice("nested", "private", "endless", "long", "deflated", "half a name")
    odd = case.whole(1, len(ct) - 2)  # without it there is a hole
    if form == "private":
        for i in range(200):
            ct[odd].add(DataElement(0x00091000 + i, "UN", case.rng.bytes(20)))
    elif form == "long":
        ct[odd].ImageComments = "x" * 60000
    save(case, mri, "b")
    said = EXPLICIT.encode() + b"\0"
    hurt: dict[str, Callable[[bytes], bytes]] = {
        "nested": lambda whole: _nested(whole, case.choice(50, 400, 5000)),
        "endless": _endless,
        "half a name": lambda whole: whole.replace(said, b"1.2.840.10008.1.2.1."),
        "deflated": lambda whole: _with_length(
            whole.replace(b"UI\x14\0" + said, b"UI\x16\0" + DEFLATED.encode()), 2
        ),
    }
    for i, ds in enumerate(ct):
        whole = content(ds)
        case.write(f"a/{i}.dcm", hurt[form](whole) if i == odd and form in hurt else whole)
    if form in ("private", "long"):
        case.expect(patients_are([(right, spacing, None)], 0.05))
    elif form in ("endless", "deflated") and len(ct) > 3:  # two that are left are a grid
        case.expect(nobody_left("CT"))
