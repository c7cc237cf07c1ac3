"""The frame of pairs and left-over files that `find_pairs` returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.names import natural, numbers
from ctmri_detect.io.words import canonical
from ctmri_detect.layouts.folders import Folders, is_split, told_alone
from ctmri_detect.layouts.layouts import ImageFile, Sorted
from ctmri_detect.layouts.matching import Matched
from ctmri_detect.layouts.patients import Patients

COLUMNS = ["ct", "mri", "patient", "slice", "sequence", "status"]
_MAX_DIGITS = 18  # more don't fit int64; they are part of a UID, no slice number


def pairs_frame(
    images: list[ImageFile], matched: Matched, found: Sorted, broken: Skipped, patients: Patients
) -> pd.DataFrame:
    """The frame that `find_pairs` returns, of images."""
    rows: list[tuple[Any, ...]] = []
    name = patients.name
    for ct, mri in matched.pairs:
        rows.append(_row(ct.path, mri.path, name(ct) or name(mri), ct, mri.sequence, "paired"))
    for image, reason in matched.alone.values():
        paths = {image.modality: image.path}
        sequence = image.sequence
        rows.append(_row(paths.get("ct"), paths.get("mri"), name(image), image, sequence, reason))
    for path, modality, reason in found.aside:
        status = reason if modality else f"{path}: {reason}"
        rows.append((natural(path), *_sides(path, modality), None, None, None, status))
    rows += [(natural(p), None, None, None, None, None, f"{p}: {why}") for p, why in broken]
    renamed = sum(ct.stem.casefold() != mri.stem.casefold() for ct, mri in matched.pairs)
    half = len(matched.pairs) / 2
    layout = _layout(images, renamed > half, matched.by_number > half)
    frame = _as_frame(rows)
    frame.attrs = {
        "layout": layout,
        "kind": images[0].kind,
        "notes": _notes(layout, matched, found),
        "patients": patients.source,
    }
    return frame


def _sides(path: str, modality: str | None) -> tuple[str | None, str | None]:
    return path if modality == "ct" else None, path if modality == "mri" else None


def _row(
    ct: str | None, mri: str | None, patient: str | None, image: ImageFile, seq: Any, status: str
) -> tuple[Any, ...]:
    said = numbers(image.words)
    number = said[-1] if said and image.kind == "slices" else None
    if number is not None and number >= 10**_MAX_DIGITS:
        number = None
    key = natural("/".join((*image.place, image.stem)))
    return key, ct, mri, patient, number, seq, status


def _as_frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    rows.sort(key=lambda row: (row[0], row[1] or row[2] or ""))
    frame = pd.DataFrame([row[1:] for row in rows], columns=COLUMNS, dtype=object)
    frame["slice"] = pd.array(frame["slice"].to_list(), dtype="Int64")
    return frame


def left_over(found: pd.DataFrame) -> Skipped:
    """The files of `find_pairs` that are in no pair, each with the reason."""
    skipped: Skipped = []
    for row in found[found["status"] != "paired"].itertuples():
        file = row.ct or row.mri
        if file is None:  # neither CT nor MRI: its name stands in the status
            file, _, reason = row.status.partition(": ")
            skipped.append((file, reason))
        else:
            skipped.append((file, row.status))
    return skipped


def dicom_frame(folders: list[str]) -> pd.DataFrame:
    """One row a folder that holds DICOM files."""
    rows: list[tuple[Any, ...]] = []
    paths = [tuple(canonical(folder).split("/")) for folder in folders]
    said = Folders((path, told_alone(path), None) for path in paths)
    for folder, path in zip(folders, paths, strict=True):
        modality = said.of(path).modality
        status = "DICOM series: load_volume_pairs reads it"
        status = status if modality else f"{folder or '.'}: {status}"
        rows.append((natural(folder), *_sides(folder, modality), None, None, None, status))
    frame = _as_frame(rows)
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
    sequences = Counter(mri.sequence or "unknown" for _, mri in matched.pairs)
    if len(sequences) > 1:
        counts = ", ".join(f"{name} ({count})" for name, count in sequences.most_common())
        notes.append(f"The pairs mix MRI sequences: {counts}; sequence= chooses one.")
    if matched.ambiguous:
        notes.append(
            f"{len(matched.ambiguous)} groups of files fit each other in more than one way and "
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


def _layout(images: list[ImageFile], renamed: bool, by_number: bool) -> str:
    """The layout's name.

    `renamed` says whether the two of most pairs have other stems, `by_number` whether only a
    number connects most.
    """
    if len({image.modality for image in images}) < 2:
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
