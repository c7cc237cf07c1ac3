"""Choose the DICOM series of a patient that become the planes of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import groupby
from typing import Any

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.volumes.dicom import read_series
from ctmri_detect.io.volumes.dicom_headers import Series, Skipped
from ctmri_detect.io.volumes.dicom_people import differing
from ctmri_detect.io.volumes.volume_set import VolumeSet
from ctmri_detect.layouts.planes import Planes

Choice = int | Mapping[str, int] | None
Chosen = dict[str, Series]
"""A series for each plane that is there."""


class _NoSeriesError(DataLoadingError):
    """A patient has no such series."""


def choose_series(
    found: list[Series], planes: Planes, choices: Mapping[str, Choice]
) -> tuple[list[Chosen], Skipped]:
    """For each patient the series of each plane; and what was not chosen, with the reason.

    Parameters
    ----------
    found : list of Series
        Of `scan`, ordered by patient.
    planes : Planes
        Of several sequences, some may be missing.
    choices : dict of str to Choice
        Series numbers of "ct" and "mri".
    """
    sets: list[Chosen] = []
    skipped: Skipped = []
    for who, group in groupby(found, key=lambda one: one.patient):
        members = list(group)
        chosen, reasons = _of_patient(members, planes, choices)
        used = {id(one) for one in chosen.values()}
        skipped += [
            (one.name, one.problem or "not chosen")
            for one in members
            if id(one) not in used and (one.problem or not reasons)
        ]
        if reasons:
            skipped.append((who, "; ".join(reasons)))
        else:
            sets.append(chosen)
    return sets, skipped


def _of_patient(
    members: list[Series], planes: Planes, choices: Mapping[str, Choice]
) -> tuple[Chosen, list[str]]:
    """The series of one patient, and the reasons why it has no sample."""
    chosen: Chosen = {}
    missing: list[str] = []
    reasons: list[str] = []
    for plane in planes.names:
        try:
            chosen[plane] = _choose(members, plane, planes, choices)
        except _NoSeriesError as error:
            missing.append(str(error))
        except DataLoadingError as error:
            reasons.append(str(error))
    if planes.is_pair or not chosen:
        reasons = missing + reasons
    return chosen, reasons


def dicom_set(series: Chosen, planes: Planes) -> VolumeSet:
    """Series of one patient as volumes of one head, which are not read yet."""
    first, *others = series.values()
    space = first.frame_of_reference
    mris = [one for one in series.values() if one.modality == "mri"]
    return VolumeSet(
        patient=first.patient,
        planes=planes.names,
        files={plane: f"{one.patient}/{plane}" for plane, one in series.items()},
        readers={plane: partial(read_series, one) for plane, one in series.items()},
        sequence=mris[0].sequence if len(mris) == 1 else None,
        whole=planes.is_pair,
        same_space=not others
        or (bool(space) and all(one.frame_of_reference == space for one in others)),
        burned_in=any(one.burned_in for one in series.values()),
        two_people=tuple(
            dict.fromkeys(tag for one in others for tag in differing(first.marks, one.marks))
        ),
    )


def _choose(
    members: list[Series], plane: str, planes: Planes, choices: Mapping[str, Choice]
) -> Series:
    """The one series that becomes a plane.

    Raises
    ------
    DataLoadingError
        If there is none or more than one. The message lists them and names the parameter.
    """
    modality = "ct" if plane == "ct" else "mri"
    label, parameter = ("CT", "ct_series") if modality == "ct" else ("MRI", "mri_series")
    choice: Any = choices.get(modality)
    if isinstance(choice, Mapping):
        choice = choice.get(members[0].patient)
    here = [one for one in members if one.modality == modality]
    fit = [one for one in here if not one.problem]
    wanted = ""
    if choice is not None:
        fit = [one for one in here if one.number == choice and one.slices[0].position]
        wanted = f" with the number {choice}"
    elif modality == "mri" and planes.sequences:
        fit = [one for one in fit if planes.of(modality, one.sequence) == plane]
        wanted = f" known to be {planes.sequences[0] if plane == 'mri' else plane}"
    if len(fit) == 1:
        return fit[0]
    if fit:
        listed = ", ".join(str(one) for one in fit)
        how = f"choose by {parameter}=" + (" or sequence=" if modality == "mri" else "")
        if choice is not None:
            how = "series of several examinations: give each its own folder"
        raise DataLoadingError(f"several {label} series{wanted}: {listed}; {how}")
    has = f"; it has {', '.join(str(one) for one in here)}" if here else ""
    raise _NoSeriesError(f"no {label} series{wanted}{has}")
