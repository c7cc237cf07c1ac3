"""Which CT goes with which MRI in a folder, by the names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.dicom_magic import dicom_folders
from ctmri_detect.io.listing import scan
from ctmri_detect.io.volumes.volume_files import without_voxel_files
from ctmri_detect.io.words import canonical
from ctmri_detect.layouts.expressions import Rules
from ctmri_detect.layouts.frames import dicom_frame, pairs_frame
from ctmri_detect.layouts.kinds import check_found, of_one_kind
from ctmri_detect.layouts.layouts import Sorted, sort_files
from ctmri_detect.layouts.matching import Matched, match
from ctmri_detect.layouts.patients import by_rule, find_patients
from ctmri_detect.layouts.planes import Planes

__all__ = ["find_pairs"]


def find_pairs(
    folder: str | Path,
    *,
    patient: str | None = None,
    sequence: str | Sequence[str] | None = None,
    modality: str = "both",
    ct: str | None = None,
    mri: str | None = None,
) -> pd.DataFrame:
    r"""Find which CT goes with which MRI in a folder, whatever its layout.

    It reads names, at any depth, and opens no image. It knows folders named ``CT`` and ``MRI`` (or
    ``MR``, ``T1``, ``T2``, ``FLAIR``, ``PD``, ...), names that hold such a word, a number in
    common, CycleGAN's ``trainA`` and ``trainB``, SynthRAD, BIDS and DICOM; ``docs/layouts.md``
    shows each with an example. The case of names does not matter, nor how accents and spaces
    are written.

    The place of a file is its folders, without those that name the modality. A CT and an MRI in
    the same place are a pair if, tried in this order,

    - their names are equal;
    - their names are equal without the modality;
    - their names hold the same number, and differ from other names in nothing but numbers;
    - they are volumes, and the only two in that place.

    A word for a modality in the name of a folder that holds both, such as PD01 or MR_Smith, is a
    part of that name. Where more than two files fit, none of them is paired: nothing is chosen by
    chance.

    When it fails: two files with equal names need not show the same head. See `check_pairing`.

    Parameters
    ----------
    folder : str or Path
        Where the files are, at any depth.
    patient : str, default=None
        A regular expression. It is searched for in each file's name (without its ending), else in
        its path relative to `folder`; the first group, or the whole match, names the patient.
        None: the folder or the beginning of the name does, if it can be read in every pair
        (``patient01/``, ``sub-01``, ``case16_``, ``p3_``; other folders with a number, such as
        SynthRAD's ``1BA001/``, if there are two or more).
    sequence : str or sequence of str, default=None
        The MRI sequence to take where a CT has several: "t1", "t1ce" (with contrast agent), "t2",
        "flair", "pd", "dwi", "adc" or "swi" (with T2*). Of several, such as ``("t1", "flair")``,
        each becomes a plane, and a sample may lack some of them.
    modality : {"both", "ct", "mri"}, default="both"
        "ct" and "mri": these images alone, for folders without pairs or without the other
        modality. Files of the other modality have no row. Where no name says CT or MRI, all
        images are taken as the modality that is asked for.
    ct, mri : str, default=None
        Regular expressions for the relative paths. They tell which files are CT and which MRI,
        where the names don't. With only one of them, the names tell the other modality.

    Returns
    -------
    DataFrame
        One row for each sample or left-over file, in natural order. Masks and hidden files have no
        row. A DICOM folder has one row for each folder with a series; `load_volume_pairs` reads it.

        - ct, mri; or with several sequences, such as ct, t1, flair: path of each plane relative to
          `folder`, or None.
        - patient: str or None.
        - slice: the last number in the name, NA for volumes.
        - sequence: of the only MRI, or None.
        - status: "paired"; "lacks FLAIR" where some of several planes are missing; "alone" with one
          modality; else why the file is left over, with its name if no column has it.

        ``attrs`` holds "layout", "kind" ("slices", "volumes" or "dicom"), "notes" (a list of
        remarks about the folder) and "patients", the source of their names ("parameter", "folders",
        "names" or None).

    Raises
    ------
    DataLoadingError
        If there is no such folder or no image in it; if the names say nothing; if both slices and
        volumes could be meant; if a CT has several MRI sequences. The message names the parameter
        that decides.
    ValueError
        For a parameter that is no regular expression or no known sequence.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from ctmri_detect.layouts.find import find_pairs
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for file in ("p1_ct_2.png", "p1_t2_2.png", "p1_ct_10.png"):
    ...         Path(name, file).touch()
    ...     found = find_pairs(name)
    >>> found.attrs["layout"], found["status"].tolist()
    ('names with a modality', ['paired', 'no MRI of this name'])
    >>> found.loc[0, ["ct", "mri", "patient", "sequence"]].tolist()
    ['p1_ct_2.png', 'p1_t2_2.png', 'p1', 't2']
    """
    rules = Rules(
        patient=_compiled("patient", patient),
        planes=Planes.wanted(modality, sequence),
        ct=_compiled("ct", ct),
        mri=_compiled("mri", mri),
    )
    folder = Path(folder)
    listing = scan(folder)
    series = dicom_folders(folder, listing.files)
    files = without_voxel_files(file for file in listing.files if file not in series.files)
    found = sort_files(files, rules)
    taken = _taken_for(found, rules)
    here = {image.modality for image in found.images}
    if series.folders and (len(here) < 2 if modality == "both" else modality not in here):
        return dicom_frame(series.folders, rules.planes)
    found.aside += [
        (name, None, "DICOM beside images: load_volume_pairs reads it in a folder of its own")
        for name in series.folders
    ]
    check_found(found, folder, rules)
    if len(rules.planes.names) > 2 and "ct" in rules.planes.names and "ct" not in here:
        raise DataLoadingError(
            f"{folder.name} holds no CT; with modality='both', expected a CT beside the sequences. "
            "For the sequences alone, pass modality='mri' (--modality mri on the command line)."
        )
    images = of_one_kind(found, rules.planes)
    matched = match(images, rules)
    if not matched.units and matched.ambiguous:
        raise DataLoadingError(f"No pair is certain: {matched.ambiguous[0]}.")
    units = [tuple(unit.values()) for unit in matched.units]
    patients = find_patients(units or [(image,) for image in images], rules.patient)
    _part_patients(matched, rules)
    frame = pairs_frame(images, matched, found, listing.broken, patients, rules.planes)
    frame.attrs["notes"] += taken
    return frame


def _taken_for(found: Sorted, rules: Rules) -> list[str]:
    """Where no name says CT or MRI, take all images as the one modality that is asked for."""
    (name, *others) = rules.planes.names
    untold = [path for path, modality, _ in found.aside if modality is None]
    if found.images or not untold or others or name not in ("ct", "mri") or rules.ct or rules.mri:
        return []
    every = re.compile("")
    every_one = rules._replace(ct=every) if name == "ct" else rules._replace(mri=every)
    found.images += sort_files(untold, every_one).images
    found.aside = [one for one in found.aside if one[1] is not None]
    return [f"No name says CT or MRI; all {len(untold)} images are taken for {name.upper()}."]


def _compiled(name: str, expression: str | None) -> re.Pattern[str] | None:
    if expression is None:
        return None
    if not isinstance(expression, str):
        raise ValueError(f"{name}={expression!r} is no regular expression; expected str or None.")
    try:
        return re.compile(canonical(expression))
    except re.error as error:
        raise ValueError(f"{name}={expression!r} is no regular expression: {error}.") from error


def _part_patients(matched: Matched, rules: Rules) -> None:
    """Separate images of which `patient` says that they belong to different patients."""
    if rules.patient is None:
        return
    kept = []
    for unit in matched.units:
        names = {plane: by_rule(rules.patient, image) for plane, image in unit.items()}
        if len({name.casefold() for name in names.values() if name is not None}) < 2:
            kept.append(unit)
            continue
        said = " and ".join(f"{name!r} for the {plane.upper()}" for plane, name in names.items())
        for image in unit.values():
            matched.alone[image.path] = (image, f"patient= finds {said}")
    matched.units = kept
