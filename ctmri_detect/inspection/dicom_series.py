"""The DICOM series of a folder and how they are paired, without a word that names anybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ctmri_detect.inspection.description import count
from ctmri_detect.inspection.file_findings import Finding
from ctmri_detect.io.volumes.cut import VolumePair
from ctmri_detect.io.volumes.dicom import read_series
from ctmri_detect.io.volumes.dicom_headers import Series, scan
from ctmri_detect.io.volumes.volume import Volume
from ctmri_detect.layouts.frames import COLUMNS
from ctmri_detect.layouts.volume_pairs import Wanted, choose_series, dicom_pair

_NAMES = {"ct": "CT", "mri": "MRI"}
_ALONE = "no partner in the other modality, or several"


@dataclass(frozen=True)
class DicomSeries:
    """What the headers say; patients and series are numbered.

    `rows` are those of the table of files, `pairs` is as `find_pairs` gives it, `readers` read
    the series that can be volumes, `together` are the pairs for `check_volumes`, `burned_in`
    the names of series with text in their images.
    """

    rows: list[dict[str, Any]]
    pairs: pd.DataFrame
    readers: dict[str, Callable[[], Volume]]
    together: list[VolumePair]
    burned_in: list[str]
    findings: list[Finding]


def list_series(folder: Path, patient: str | None, sequence: str | None) -> DicomSeries:
    """All series of a folder, and the pairs that `load_volume_pairs` makes of them.

    Headers are read without pixels. Identifiers, dates, descriptions and names of folders go no
    further.

    Raises
    ------
    ImportError
        Without pydicom.
    """
    series, skipped = scan(folder, patient, None)
    numbers = {name: i for i, name in enumerate(dict.fromkeys(s.patient for s in series), 1)}
    names = {
        id(one): f"patient {numbers[one.patient]}, series {i}" for i, one in enumerate(series, 1)
    }
    chosen = choose_series(series, Wanted(patient, sequence, {"ct": None, "mri": None}, None))[0]
    rows = [_row(one, names[id(one)], f"patient {numbers[one.patient]}") for one in series]
    together = [_renamed(ct, mri, names, numbers) for ct, mri in chosen]
    paired = {name for pair in together for name in (pair.ct, pair.mri)}
    table = [(p.ct, p.mri, p.patient, None, p.sequence, "paired") for p in together]
    for row in rows:
        usable = not row["status"]  # a localizer is nobody's partner
        row["status"] = "paired" if row["file"] in paired else row["status"] or _ALONE
        if row["file"] not in paired and usable:
            sides = [row["file"] if row["modality"] == name else None for name in _NAMES.values()]
            table.append((*sides, row["patient"], None, row["sequence"], row["status"]))
    pairs = pd.DataFrame(table, columns=COLUMNS).astype({"slice": "Int64"})
    pairs.attrs = {"layout": "DICOM", "kind": "dicom", "notes": [], "patients": "headers"}
    return DicomSeries(
        rows,
        pairs,
        {names[id(one)]: SeriesReader(one) for one in series if not one.problem},
        together,
        [names[id(one)] for one in series if one.burned_in],
        list(_findings(series, skipped, together)),
    )


class SeriesReader:
    """Reads one series; its text names no file.

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


def _renamed(ct: Series, mri: Series, names: dict[int, str], numbers: dict[str, int]) -> VolumePair:
    who = f"patient {numbers[ct.patient]}"
    return replace(dicom_pair(ct, mri), ct=names[id(ct)], mri=names[id(mri)], patient=who)


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
    series: list[Series], skipped: list[tuple[str, str]], together: list[VolumePair]
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
    if apart := sum(not pair.same_space for pair in together):
        found.append(
            (
                "warning",
                f"In {apart} of {len(together)} pairs CT and MRI have different frames of "
                "reference: unless somebody registered them, equal coordinates are different "
                "places.",
            )
        )
    if two := [pair.ct for pair in together if pair.two_people]:
        found.append(
            (
                "warning",
                f"In {len(two)} of {len(together)} pairs the headers of CT and MRI speak of two "
                f"people, such as {two[0]}: one ID may have been given twice.",
            )
        )
    if skipped:
        text = f"{count(len(skipped), 'DICOM file')} left out; the first: {skipped[0][1]}."
        found.append(("note", text))
    return found
