"""The DICOM series of a folder and how they are paired, without any person's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ctmri_detect.inspection.description import count
from ctmri_detect.inspection.file_findings import Finding
from ctmri_detect.io.volumes.dicom import read_series
from ctmri_detect.io.volumes.dicom_headers import Series, scan
from ctmri_detect.io.volumes.volume import Volume
from ctmri_detect.io.volumes.volume_set import VolumeSet
from ctmri_detect.layouts.dicom_choice import choose_series, dicom_set
from ctmri_detect.layouts.planes import Planes

_NAMES = {"ct": "CT", "mri": "MRI"}
_ALONE = "no partner in the other modality, or several"


@dataclass(frozen=True)
class DicomSeries:
    """What the headers say; patients and series get numbers in place of names.

    `planes` are those of a sample. `rows` are those of the table of files. `pairs` is a frame like
    that of `find_pairs`. `readers` read the series that can be volumes. `together` are the pairs
    for `check_volumes`. `burned_in` are the names of series with text in their images.
    """

    planes: Planes
    rows: list[dict[str, Any]]
    pairs: pd.DataFrame
    readers: dict[str, Callable[[], Volume]]
    together: list[VolumeSet]
    burned_in: list[str]
    findings: list[Finding]


def list_series(folder: Path, patient: str | None, planes: Planes) -> DicomSeries:
    """All series of a folder, and the samples that `load_volume_pairs` makes of them.

    Headers are read without pixels. The result holds no identifiers, dates, descriptions and names
    of folders.

    Raises
    ------
    ImportError
        If pydicom is not installed.
    """
    series, skipped = scan(folder, patient, None)
    numbers = {name: i for i, name in enumerate(dict.fromkeys(s.patient for s in series), 1)}
    names = {
        id(one): f"patient {numbers[one.patient]}, series {i}" for i, one in enumerate(series, 1)
    }
    there = {one.modality for one in series if not one.problem}
    if planes.is_pair and there in ({"ct"}, {"mri"}):
        (only,) = there
        planes = Planes.wanted(only, (planes.sequences or None) if only == "mri" else None)
    chosen = choose_series(series, planes, {})[0]
    rows = [_row(one, names[id(one)], f"patient {numbers[one.patient]}") for one in series]
    together = [_renamed(each, planes, names, numbers) for each in chosen]
    used = {name: scans for scans in together for name in scans.files.values()}
    table = [
        _cells(one.files, planes, one.patient, one.sequence, planes.status(one.files))
        for one in together
    ]
    for row in rows:
        usable = not row["status"]  # not a localizer, for example
        scans = used.get(row["file"])
        row["status"] = planes.status(scans.files) if scans else row["status"] or _ALONE
        if scans is None and usable:
            table.append(_left(row, planes))
    pairs = pd.DataFrame(table, columns=[*planes.names, *_MORE]).astype({"slice": "Int64"})
    pairs.attrs = {"layout": "DICOM", "kind": "dicom", "notes": [], "patients": "headers"}
    return DicomSeries(
        planes,
        rows,
        pairs,
        {names[id(one)]: SeriesReader(one) for one in series if not one.problem},
        together,
        [names[id(one)] for one in series if one.burned_in],
        list(_findings(series, skipped, together)),
    )


_MORE = ["patient", "slice", "sequence", "status"]


def _cells(
    files: Mapping[str, str], planes: Planes, who: str | None, sequence: str | None, status: str
) -> tuple[Any, ...]:
    return (*(files.get(name) for name in planes.names), who, None, sequence, status)


def _left(row: dict[str, Any], planes: Planes) -> tuple[Any, ...]:
    """The row of a series that is in no sample; without a column, its name is in the status."""
    plane = planes.of(str(row["modality"]).lower(), row["sequence"])
    plane = "mri" if plane is None and planes.is_pair and row["modality"] == "MRI" else plane
    files = {} if plane is None else {plane: row["file"]}
    status = row["status"] if files else f"{row['file']}: {row['status']}"
    return _cells(files, planes, row["patient"], row["sequence"], status)


class SeriesReader:
    """Reads one series; its `repr` holds no name of a file.

    Parameters
    ----------
    series : Series
    """

    def __init__(self, series: Series) -> None:
        self._series = series

    def __call__(self) -> Volume:
        return read_series(self._series)

    def __repr__(self) -> str:
        return f"SeriesReader({len(self._series.slices)} images)"


def _renamed(
    series: dict[str, Series], planes: Planes, names: dict[int, str], numbers: dict[str, int]
) -> VolumeSet:
    scans = dicom_set(series, planes)
    files = {plane: names[id(one)] for plane, one in series.items()}
    return replace(scans, files=files, patient=f"patient {numbers[str(scans.patient)]}")


def _row(one: Series, name: str, who: str) -> dict[str, Any]:
    shape = one.slices[0].shape
    return {
        "file": name,
        "modality": _NAMES.get(one.modality),
        "patient": who,
        "sequence": one.sequence,
        "status": one.problem,
        "format": "dcm",
        "height": shape[0],
        "width": shape[1],
        "depth": len(one.slices),
    }


def _findings(
    series: list[Series], skipped: list[tuple[str, str]], together: list[VolumeSet]
) -> list[Finding]:
    found: list[Finding] = []
    if burned := sum(one.burned_in for one in series):
        found.append(
            (
                "warning",
                f"{count(burned, 'DICOM series')} of {len(series)} say that text is burned into "
                "their images: it may name people. They are not shown. Look at them before you "
                "share any.",
            )
        )
    if apart := sum(not scans.same_space for scans in together):
        found.append(
            (
                "warning",
                f"In {apart} of {len(together)} pairs CT and MRI have different frames of "
                "reference: unless they were registered, equal coordinates are different places.",
            )
        )
    if two := [scans.name for scans in together if scans.two_people]:
        found.append(
            (
                "warning",
                f"In {len(two)} of {len(together)} pairs the headers of CT and MRI seem to be of "
                f"two people, such as {two[0]}: one ID may have been given twice.",
            )
        )
    if skipped:
        text = f"{count(len(skipped), 'DICOM file')} left out; the first: {skipped[0][1]}."
        found.append(("note", text))
    return found
