"""Which volumes of a folder belong together; no voxel is read."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.listing import is_folder
from ctmri_detect.io.names import read_name
from ctmri_detect.io.volumes.dicom_files import files_below
from ctmri_detect.io.volumes.dicom_headers import Skipped, holds_dicom, scan
from ctmri_detect.io.volumes.volume_files import (
    VOLUME_SUFFIXES,
    is_volume,
    read_lesion,
    read_mask,
    read_volume,
)
from ctmri_detect.io.volumes.volume_set import VolumeSet
from ctmri_detect.layouts.dicom_choice import Choice, choose_series, dicom_set
from ctmri_detect.layouts.find import find_pairs
from ctmri_detect.layouts.frames import left_over
from ctmri_detect.layouts.planes import Planes, is_sample


@dataclass(frozen=True)
class Wanted:
    """The parameters of `load_volume_pairs` that choose volumes.

    `series` holds the choice of DICOM series for "ct" and "mri".
    """

    patient: str | None
    sequence: str | Sequence[str] | None
    series: Mapping[str, Choice] = field(default_factory=dict)
    key: str | bytes | None = None
    modality: str = "both"

    @property
    def planes(self) -> Planes:
        """The planes of a sample.

        Raises
        ------
        ValueError
            For an unknown modality or sequence.
        """
        return Planes.wanted(self.modality, self.sequence)


def list_volume_pairs(folder: Path, wanted: Wanted) -> tuple[list[VolumeSet], Skipped]:
    """The volumes of each head in a folder, in single files or DICOM, and what is left over.

    Raises
    ------
    DataLoadingError
        If the folder does not exist, or holds no volumes, or both kinds.
    ValueError
        For a bad parameter.
    """
    if not is_folder(folder):
        raise DataLoadingError(
            f"There is no folder {folder.name!r}; expected one with volumes (NIfTI, DICOM, ...)."
        )
    if wanted.patient is not None:
        try:
            re.compile(wanted.patient)
        except re.error as error:
            raise ValueError(
                f"patient={wanted.patient!r} is no regular expression: {error}."
            ) from error
    files = any(is_volume(path.name) for path in files_below(folder)[0])
    dicom = holds_dicom(folder)
    if files and dicom:
        raise DataLoadingError(
            f"The folder holds both volumes in single files ({', '.join(VOLUME_SUFFIXES)}) and "
            "DICOM; expected one kind. Pass a folder that holds only one kind."
        )
    if dicom:
        return _in_dicom(folder, wanted)
    if any(choice is not None for choice in wanted.series.values()):
        raise ValueError(
            "ct_series and mri_series choose between DICOM series, and this folder holds none; "
            "for volumes in single files use sequence=."
        )
    return _in_files(folder, wanted)


def _in_files(folder: Path, wanted: Wanted) -> tuple[list[VolumeSet], Skipped]:
    frame = find_pairs(
        folder, patient=wanted.patient, sequence=wanted.sequence, modality=wanted.modality
    )
    if frame.attrs["kind"] != "volumes":
        raise DataLoadingError(
            f"The folder holds {frame.attrs['kind']}, not volumes (NIfTI, DICOM, ...); "
            "use load_pairs for slices."
        )
    planes = wanted.planes
    samples = frame[is_sample(frame)].astype(object)
    sets = [
        _file_set(folder, row, planes)
        for row in samples.where(samples.notna(), None).to_dict("records")
    ]
    return sets, left_over(frame)


def _file_set(folder: Path, row: dict[Hashable, Any], planes: Planes) -> VolumeSet:
    """The volumes of a row of `find_pairs`, with the mask and the lesion file beside them."""
    files = {name: row[name] for name in planes.names if row[name] is not None}
    first = folder / next(iter(files.values()))
    mask, lesion = beside(first, "mask"), beside(first, "lesion")
    return VolumeSet(
        patient=row["patient"],
        planes=planes.names,
        files=files,
        readers={name: partial(read_volume, folder / file) for name, file in files.items()},
        sequence=row["sequence"],
        whole=planes.is_pair,
        read_mask=None if mask is None else partial(read_mask, mask),
        read_lesion=None if lesion is None else partial(read_lesion, lesion),
    )


def beside(path: Path, name: str) -> Path | None:
    """The file `name` ("mask" or "lesion") beside ``ct.nii.gz`` or ``t1.nii.gz``, or None.

    SynthRAD has such masks. Beside the files of BraTS, ``..._seg.nii.gz`` is the lesion.
    """
    stem, _, ending = path.name.partition(".")
    said = read_name(stem)
    if stem.lower().startswith("brats") and name == "lesion":
        stem, name = re.sub("[-_][^-_]+$", "", stem), ""
        names = [f"{stem}{sign}seg" for sign in "_-"]
    elif stem.lower() == "ct" or (said.is_modality and said.modality == "mri"):
        names = [name]
    else:
        return None
    endings = (f".{ending}", *VOLUME_SUFFIXES)
    found = (path.with_name(each + end) for each in names for end in endings)
    return next((found for found in found if found.is_file()), None)


def _in_dicom(folder: Path, wanted: Wanted) -> tuple[list[VolumeSet], Skipped]:
    found, skipped = scan(folder, wanted.patient, wanted.key)
    chosen, left = choose_series(found, wanted.planes, wanted.series)
    return [dicom_set(series, wanted.planes) for series in chosen], skipped + left
