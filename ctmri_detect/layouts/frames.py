"""The frame of pairs and left-over files that `find_pairs` returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.names import natural, numbers
from ctmri_detect.io.words import canonical
from ctmri_detect.layouts.folders import Folders, is_split, told_alone
from ctmri_detect.layouts.layouts import ImageFile, Sorted
from ctmri_detect.layouts.matching import Matched
from ctmri_detect.layouts.patients import Patients
from ctmri_detect.layouts.planes import Planes, is_sample, plane_columns

_MORE = ["patient", "slice", "sequence", "status"]
_MAX_DIGITS = 18  # more don't fit int64; they are part of a UID, no slice number


class _Rows:
    """Rows of a frame with a column for each plane, and the keys by which they are sorted."""

    def __init__(self, planes: Planes) -> None:
        self._names = planes.names
        self._rows: list[tuple[Any, ...]] = []

    def add(self, key: Any, paths: Mapping[str, str], *more: Any) -> None:
        """Add a row: paths by plane, then patient, slice, sequence, status."""
        self._rows.append((key, *(paths.get(name) for name in self._names), *more))

    def put(self, path: str, plane: str | None, reason: str) -> None:
        """Add a row for a file that is not used; without a column, its name is in the status."""
        column = plane in self._names
        paths = {str(plane): path} if column else {}
        self.add(natural(path), paths, None, None, None, reason if column else f"{path}: {reason}")

    def frame(self) -> pd.DataFrame:
        """All rows, in natural order."""
        n = len(self._names)
        rows = sorted(self._rows, key=lambda row: (row[0], next(filter(None, row[1 : n + 1]), "")))
        columns = [*self._names, *_MORE]
        frame = pd.DataFrame([row[1:] for row in rows], columns=columns, dtype=object)
        frame["slice"] = pd.array(frame["slice"].to_list(), dtype="Int64")
        return frame


def pairs_frame(
    images: list[ImageFile],
    matched: Matched,
    found: Sorted,
    broken: Skipped,
    patients: Patients,
    planes: Planes,
) -> pd.DataFrame:
    """The frame that `find_pairs` returns, for slices and for volumes in single files."""
    rows = _Rows(planes)
    for unit in matched.units:
        first, *_ = unit.values()
        paths = {plane: image.path for plane, image in unit.items()}
        patient = next(filter(None, map(patients.name, unit.values())), None)
        sequences = [image.sequence for image in unit.values() if image.modality == "mri"]
        sequence = sequences[0] if len(sequences) == 1 else None
        rows.add(_key(first), paths, patient, _number(first), sequence, planes.status(unit))
    for image, reason in matched.alone.values():
        plane = planes.of(image.modality, image.sequence)
        plane = image.modality if plane is None and planes.is_pair else plane
        if plane is None:
            rows.put(image.path, None, reason)
            continue
        about = patients.name(image), _number(image), image.sequence
        rows.add(_key(image), {plane: image.path}, *about, reason)
    for path, modality, reason in found.aside:
        if modality is None or planes.modality in ("both", modality):
            rows.put(path, modality, reason)
    for path, reason in broken:
        rows.put(path, None, reason)
    frame = rows.frame()
    several = [list(unit.values()) for unit in matched.units if len(unit) > 1]
    renamed = sum(len({image.stem.casefold() for image in unit}) > 1 for unit in several)
    half = len(several) / 2
    layout = _layout(images, planes, renamed > half, matched.by_number > half)
    frame.attrs = {
        "layout": layout,
        "kind": images[0].kind,
        "notes": _notes(layout, matched, found),
        "patients": patients.source,
    }
    return frame


def _key(image: ImageFile) -> Any:
    return natural("/".join((*image.place, image.stem)))


def _number(image: ImageFile) -> int | None:
    """The number of the slice: the last number in the file's name; None for volumes."""
    said = numbers(image.words)
    number = said[-1] if said and image.kind == "slices" else None
    return None if number is None or number >= 10**_MAX_DIGITS else number


def left_over(found: pd.DataFrame) -> Skipped:
    """The files of `find_pairs` that are in no sample, each with the reason."""
    skipped: Skipped = []
    names = plane_columns(found)
    for row in found[~is_sample(found)].to_dict("records"):
        file = next((row[name] for name in names if row[name]), None)
        if file is None:  # it has no column: its name is in the status
            file, _, reason = row["status"].partition(": ")
            skipped.append((file, reason))
        else:
            skipped.append((file, row["status"]))
    return skipped


def dicom_frame(folders: list[str], planes: Planes) -> pd.DataFrame:
    """One row for each folder that holds DICOM files."""
    rows = _Rows(planes)
    paths = [tuple(canonical(folder).split("/")) for folder in folders]
    said = Folders((path, told_alone(path), None) for path in paths)
    for folder, path in zip(folders, paths, strict=True):
        status = "DICOM series: load_volume_pairs reads it"
        rows.put(folder or ".", said.of(path).modality, status)
    frame = rows.frame()
    frame.attrs = {"layout": "dicom", "kind": "dicom", "notes": [], "patients": None}
    return frame


def _notes(layout: str, matched: Matched, found: Sorted) -> list[str]:
    notes = []
    if layout == "cyclegan":
        notes.append(
            "Folders named trainA and trainB usually hold unpaired images, whatever their "
            "numbers: check_pairing(X) tells whether CT and MRI show the same heads."
        )
    if matched.by_number:
        notes.append(
            f"{matched.by_number} pairs have only a number in common; check_pairing(X) tells "
            "whether they show the same heads."
        )
    mris = [unit["mri"] for unit in matched.units if "mri" in unit]
    sequences = Counter(mri.sequence or "unknown" for mri in mris)
    if len(sequences) > 1:
        counts = ", ".join(f"{name} ({count})" for name, count in sequences.most_common())
        notes.append(f"The pairs mix MRI sequences: {counts}; sequence= chooses one.")
    if matched.ambiguous:
        notes.append(
            f"{len(matched.ambiguous)} groups of files can be joined in more than one way and "
            f"are left out: {matched.ambiguous[0]}."
        )
    untold = [path for path, modality, _ in found.aside if modality is None]
    if layout == "one modality" and untold:
        notes.append(
            f"{len(untold)} images are neither CT nor MRI by their names, such as {untold[0]}; "
            "ct= and mri= take regular expressions for the relative paths."
        )
    if found.masks:
        notes.append(f"{found.masks} files are masks by their names and have no row.")
    return notes


def _layout(images: list[ImageFile], planes: Planes, renamed: bool, by_number: bool) -> str:
    """The layout's name.

    `renamed`: in most pairs the two names differ. `by_number`: in most pairs they have only a
    number in common.
    """
    there = {planes.of(image.modality, image.sequence) for image in images}
    if len({image.modality for image in images} if planes.is_pair else there - {None}) < 2:
        return "one modality"
    if any(is_split(tuple(image.text.split("/")[:-1])) for image in images):
        return "cyclegan"
    if _most(image.bids for image in images):
        return "bids"
    volumes = images[0].kind == "volumes"
    if volumes and _most(bool(image.place) and not image.words for image in images):
        return "synthrad"
    by_name = _most(image.told_by == "name" for image in images)
    if by_number or (renamed and not by_name):
        return "common number"
    return "names with a modality" if by_name else "two folders"


def _most(values: Iterable[bool]) -> bool:
    counts = Counter(values)
    return counts[True] > counts[False]
