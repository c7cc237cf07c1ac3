"""The frames of an enhanced CT or MR object, by its functional groups (DICOM PS3.3, C.7.6.16)."""

from __future__ import annotations

from typing import Any, NamedTuple

ENHANCED = {  # Enhanced CT, Enhanced MR, Legacy Converted Enhanced CT, MR
    f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2.1", "4.1", "2.2", "4.4")
}
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
FRAME_TAGS = [
    *GROUPS,
    "EchoPulseSequence",
    "ConcatenationFrameOffsetNumber",
    "RescaleSlope",
    "RescaleIntercept",
]

_SPLIT = "expected one image at each place; split it, for example with dcm2niix, and load one part"
_APART = (  # tags by which several images at one place differ, and words for messages
    ("FrameContentSequence", "StackID", "stacks", ""),
    ("FrameContentSequence", "TemporalPositionIndex", "temporal positions", ""),
    ("MREchoSequence", "EffectiveEchoTime", "echoes", "ms"),
    ("MRDiffusionSequence", "DiffusionBValue", "b-values", "s/mm²"),
    ("MRImageFrameTypeSequence", "ComplexImageComponent", "parts (magnitude, phase, ...)", ""),
)
_FRAME_TYPES = ("CTImageFrameTypeSequence", "MRImageFrameTypeSequence")
_SCANNING = {"SPIN": "SE", "GRADIENT": "GR"}


class Frame(NamedTuple):
    """The place of one frame (LPS, mm), and slope and intercept of its stored numbers."""

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    rescale: tuple[float, float]
    number: int


def is_enhanced(header: Any) -> bool:
    """Whether an object is of a class that keeps several frames in functional groups."""
    return str(header.get("SOPClassUID", "")) in ENHANCED


def why_no_stack(header: Any) -> str:
    """Why the frames can't be one volume; empty where they may be."""
    groups = _groups(header)
    if len(groups) != int(header.get("NumberOfFrames") or 1):
        return (
            "enhanced multi-frame whose functional groups are missing, or not one for each frame: "
            "the places of its images are unknown; convert it, for example with dcm2niix"
        )
    for sequence, tag, many, unit in _APART:
        values = {value for one in groups if (value := _value(one, sequence, tag)) is not None}
        if len(values) > 1:
            listed = ""
            if unit:  # numbers only: a text may hold a person's name
                shown = [f"{number:g}" for number in sorted(float(value) for value in values)]
                listed = f" ({', '.join(shown[:4])}{', ...' if len(shown) > 4 else ''} {unit})"
            return f"enhanced multi-frame with {len(values)} {many}{listed} in one file; {_SPLIT}"
    return ""


def image_types(header: Any) -> list[str]:
    """The values of ImageType; where it is MIXED, those of all frames."""
    kinds = [str(kind).upper() for kind in header.get("ImageType") or []]
    if kinds[:1] != ["MIXED"]:
        return kinds
    found = [
        [str(kind).upper() for kind in _value(one, sequence, "FrameType") or []]
        for one in _groups(header)
        for sequence in _FRAME_TYPES
    ]
    first = {kinds[0] for kinds in found if kinds}
    derived = ["DERIVED"] if "DERIVED" in first else []
    return [*derived, *(kind for kinds in found for kind in kinds)]


def frames_of(header: Any) -> list[Frame]:
    """The frames in the order of the file; absent values are empty tuples."""
    offset = int(header.get("ConcatenationFrameOffsetNumber") or 0)
    return [
        Frame(
            position=_numbers(one, "PlanePositionSequence", "ImagePositionPatient"),
            orientation=_numbers(one, "PlaneOrientationSequence", "ImageOrientationPatient"),
            spacing=_numbers(one, "PixelMeasuresSequence", "PixelSpacing"),
            rescale=(
                _rescale(one, header, "RescaleSlope", 1.0),
                _rescale(one, header, "RescaleIntercept", 0.0),
            ),
            number=offset + i,
        )
        for i, one in enumerate(_groups(header), 1)
    ]


def timing_of(header: Any) -> dict[str, Any]:
    """The tags that `sequence_of` reads, from the functional groups of the first frame."""
    one = (_groups(header) or [[]])[0]
    kinds = [_SCANNING.get(str(header.get("EchoPulseSequence") or "").upper(), "")]
    if str(_value(one, "MRModifierSequence", "InversionRecovery") or "").upper() == "YES":
        kinds.append("IR")
    inversion = _value(one, "MRModifierSequence", "InversionTimes")
    times = [inversion] if isinstance(inversion, float | int) else list(inversion or [])
    return {
        "SeriesDescription": header.get("SeriesDescription"),
        "ScanningSequence": kinds,
        "EchoTime": _value(one, "MREchoSequence", "EffectiveEchoTime"),
        "RepetitionTime": _value(one, "MRTimingAndRelatedParametersSequence", "RepetitionTime"),
        "InversionTime": times[0] if times else None,
    }


def _groups(header: Any) -> list[list[Any]]:
    """For each frame, its own functional groups and then those that all share."""
    shared, own = (list(header.get(name) or []) for name in GROUPS)
    return [[item, *shared[:1]] for item in own]


def _value(groups: list[Any], sequence: str, tag: str) -> Any:
    for group in groups:
        items = group.get(sequence)
        if items:
            return items[0].get(tag)
    return None


def _numbers(groups: list[Any], sequence: str, tag: str) -> tuple[float, ...]:
    return tuple(float(number) for number in _value(groups, sequence, tag) or ())


def _rescale(groups: list[Any], header: Any, tag: str, default: float) -> float:
    value = _value(groups, "PixelValueTransformationSequence", tag)
    value = header.get(tag) if value is None else value
    return default if value is None else float(value)
