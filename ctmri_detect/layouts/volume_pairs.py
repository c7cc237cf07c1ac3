"""Which volumes of a folder belong together, before any is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.listing import is_folder
from ctmri_detect.io.sequences import known_sequence
from ctmri_detect.io.volumes.cut import VolumePair
from ctmri_detect.io.volumes.dicom import read_series
from ctmri_detect.io.volumes.dicom_files import files_below
from ctmri_detect.io.volumes.dicom_headers import (
    Series,
    Skipped,
    holds_dicom,
    scan,
)
from ctmri_detect.io.volumes.dicom_people import differing
from ctmri_detect.io.volumes.volume_files import (
    VOLUME_SUFFIXES,
    is_volume,
    read_lesion,
    read_mask,
    read_volume,
)
from ctmri_detect.layouts.find import find_pairs
from ctmri_detect.layouts.frames import left_over

Choice = int | Mapping[str, int] | None


@dataclass(frozen=True)
class Wanted:
    """Which volumes of a folder are meant; the parameters of `load_volume_pairs`.

    `series` holds the DICOM series of "ct" and "mri".
    """

    patient: str | None
    sequence: str | None
    series: dict[str, Choice]
    key: str | bytes | None


def list_volume_pairs(folder: Path, wanted: Wanted) -> tuple[list[VolumePair], Skipped]:
    """The pairs of volumes in a folder, in single files or DICOM, and what is left over.

    Raises
    ------
    DataLoadingError
        Where the folder holds neither, or both.
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
            "DICOM; expected one kind. Pass the folder of the one that is meant."
        )
    if dicom:
        return _in_dicom(folder, wanted)
    if any(choice is not None for choice in wanted.series.values()):
        raise ValueError(
            "ct_series and mri_series choose between DICOM series, and this folder holds none; "
            "for volumes in single files use sequence=."
        )
    return _in_files(folder, wanted.patient, wanted.sequence)


def _in_files(
    folder: Path, patient: str | None, sequence: str | None
) -> tuple[list[VolumePair], Skipped]:
    frame = find_pairs(folder, patient=patient, sequence=sequence)
    if frame.attrs["kind"] != "volumes":
        raise DataLoadingError(
            f"The folder holds {frame.attrs['kind']}, not volumes (NIfTI, DICOM, ...); "
            "use load_pairs for slices."
        )
    pairs: list[VolumePair] = []
    paired = frame[frame["status"] == "paired"]
    for row in paired.astype(object).where(paired.notna(), None).itertuples():
        mask = _beside(folder / row.ct, "mask")
        lesion = _beside(folder / row.ct, "lesion")
        pairs.append(
            VolumePair(
                patient=row.patient,
                ct=row.ct,
                mri=row.mri,
                sequence=row.sequence,
                read_ct=partial(read_volume, folder / row.ct),
                read_mri=partial(read_volume, folder / row.mri),
                read_mask=None if mask is None else partial(read_mask, mask),
                read_lesion=None if lesion is None else partial(read_lesion, lesion),
            )
        )
    return pairs, left_over(frame)


def _beside(ct: Path, name: str) -> Path | None:
    """A file of that name beside ``ct.nii.gz`` or ``ct.mha``, such as SynthRAD's masks."""
    stem, _, ending = ct.name.partition(".")
    if stem.lower() != "ct":
        return None
    endings = (f".{ending}", *VOLUME_SUFFIXES)
    found = (ct.with_name(name + each) for each in endings)
    return next((path for path in found if path.is_file()), None)


def _in_dicom(folder: Path, wanted: Wanted) -> tuple[list[VolumePair], Skipped]:
    sequence = known_sequence(wanted.sequence)
    found, skipped = scan(folder, wanted.patient, wanted.key)
    pairs: list[VolumePair] = []
    for who, group in groupby(found, key=lambda one: one.patient):
        members = list(group)
        chosen: list[Series] = []
        reasons: list[str] = []
        for modality in ("ct", "mri"):
            try:
                chosen.append(_choose(members, modality, sequence, wanted.series[modality]))
            except DataLoadingError as error:
                reasons.append(str(error))
        skipped += [
            (one.name, one.problem or "not chosen")
            for one in members
            if not any(one is other for other in chosen) and (one.problem or not reasons)
        ]
        if reasons:
            skipped.append((who, "; ".join(reasons)))
            continue
        pairs.append(_dicom_pair(*chosen))
    return pairs, skipped


def _dicom_pair(ct: Series, mri: Series) -> VolumePair:
    space = ct.frame_of_reference
    return VolumePair(
        patient=ct.patient,
        ct=f"{ct.patient}/ct",
        mri=f"{mri.patient}/mri",
        sequence=mri.sequence,
        read_ct=partial(read_series, ct),
        read_mri=partial(read_series, mri),
        same_space=bool(space) and space == mri.frame_of_reference,
        burned_in=ct.burned_in or mri.burned_in,
        two_people=differing(ct.marks, mri.marks),
    )


def _choose(members: list[Series], modality: str, sequence: str | None, choice: Choice) -> Series:
    """The one series of a modality that is meant.

    Raises
    ------
    DataLoadingError
        Where there is none or more than one; lists them and names the parameter.
    """
    label, parameter = ("CT", "ct_series") if modality == "ct" else ("MRI", "mri_series")
    if isinstance(choice, Mapping):
        choice = choice.get(members[0].patient)
    here = [one for one in members if one.modality == modality]
    fit = [one for one in here if not one.problem]
    wanted = ""
    if choice is not None:
        fit = [one for one in here if one.number == choice and one.slices[0].position]
        wanted = f" with the number {choice}"
    elif modality == "mri" and sequence is not None:
        fit = [one for one in fit if one.sequence == sequence]
        wanted = f" known to be {sequence}"
    if len(fit) == 1:
        return fit[0]
    if fit:
        listed = ", ".join(str(one) for one in fit)
        how = f"choose by {parameter}=" + (" or sequence=" if modality == "mri" else "")
        if choice is not None:
            how = "series of several examinations: give each its own folder"
        raise DataLoadingError(f"several {label} series{wanted}: {listed}; {how}")
    has = f"; it has {', '.join(str(one) for one in here)}" if here else ""
    raise DataLoadingError(f"no {label} series{wanted}{has}")
