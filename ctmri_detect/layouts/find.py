"""Which CT goes with which MRI in a folder, by the names alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.dicom_magic import dicom_folders
from ctmri_detect.io.listing import scan
from ctmri_detect.io.names import natural
from ctmri_detect.io.volumes.volume_files import VOLUME_SUFFIXES, without_voxel_files
from ctmri_detect.io.words import canonical
from ctmri_detect.layouts.expressions import Rules
from ctmri_detect.layouts.frames import dicom_frame, pairs_frame
from ctmri_detect.layouts.layouts import ImageFile, Sorted, sort_files
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

    It reads names, at any depth, and opens no image. Folders named ``CT`` and ``MRI`` (or
    ``MR``, ``T1``, ``T2``, ``FLAIR``, ``PD``, ...), names that hold such a word, a number in
    common, CycleGAN's ``trainA`` and ``trainB``, SynthRAD, BIDS and DICOM: ``docs/layouts.md``
    shows each with an example. The case of names does not matter, nor how accents and spaces
    are written.

    A CT and an MRI are a pair where they lie in one place (the folders without those that name
    the modality) and, in this order, their names are equal; are equal without the modality;
    hold equal numbers and no other difference from name to name; or, of volumes, they are the
    only two in that place. A word for a modality in the name of a folder that holds both, such
    as PD01 or MR_Smith, is a part of that name. Where more than two files fit, none of them is
    paired: nothing is chosen by chance.

    When it fails: that two files are named alike does not mean that they show one head. See
    `check_pairing`.

    Parameters
    ----------
    folder : str or Path
        Where the files are, at any depth.
    patient : str, default=None
        A regular expression, searched for in each file's name (without its ending), else in its
        path relative to `folder`; the first group, or the whole match, names the patient. None:
        the folder or the beginning of the name does, where it says so in every pair
        (``patient01/``, ``sub-01``, ``case16_``, ``p3_``; other folders with a number, such as
        SynthRAD's ``1BA001/``, where there are two or more).
    sequence : str or sequence of str, default=None
        The MRI sequence to take where a CT has several: "t1", "t1ce" (with contrast agent), "t2",
        "flair", "pd", "dwi", "adc" or "swi" (with T2*). Several, ``("t1", "flair")``, are a
        plane each, and a sample may lack some of them.
    modality : {"both", "ct", "mri"}, default="both"
        "ct" and "mri": these images alone, where no CT belongs to an MRI or there is only one of
        the two. Files of the other have no row.
    ct, mri : str, default=None
        Regular expressions that are searched for in the relative paths and tell which files
        are CT and which MRI, where the names don't. With one of them alone, the names tell the
        other modality.

    Returns
    -------
    DataFrame
        One row a sample or left-over file, in natural order. First a column for each plane with
        paths relative to `folder`, or None: `ct` and `mri`; with several sequences, such as `ct`,
        `t1` and `flair`. `patient`: str or None. `slice`: the last number in the name, NA for
        volumes. `sequence`: of the only MRI, or None. `status`: "paired"; "lacks FLAIR" where
        some of several planes are missing; "alone" with one modality; or why the file is left
        over. One without a column has its name in `status`; masks and hidden files have no row.
        ``attrs`` holds "layout", "kind" ("slices", "volumes" or "dicom"), "notes" (a list of
        what to know about the folder) and "patients": what they were read from ("parameter",
        "folders", "names" or None). A DICOM folder has one row a series' folder:
        `load_volume_pairs` reads it.

    Raises
    ------
    DataLoadingError
        Where the folder is none or holds no image; where the names tell nothing; where slices
        and volumes both could be meant; where a CT has several MRI sequences. The message
        names the parameter that decides.
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
    here = {image.modality for image in found.images}
    if series.folders and (len(here) < 2 if modality == "both" else modality not in here):
        return dicom_frame(series.folders, rules.planes)
    found.aside += [
        (name, None, "DICOM beside images: load_volume_pairs reads it in a folder of its own")
        for name in series.folders
    ]
    _check_found(found, folder, rules)
    images = _of_one_kind(found, rules.planes)
    matched = match(images, rules)
    if not matched.units and matched.ambiguous:
        raise DataLoadingError(f"No pair is certain: {matched.ambiguous[0]}.")
    units = [tuple(unit.values()) for unit in matched.units]
    patients = find_patients(units or [(image,) for image in images], rules.patient)
    _part_patients(matched, rules)
    return pairs_frame(images, matched, found, listing.broken, patients, rules.planes)


def _compiled(name: str, expression: str | None) -> re.Pattern[str] | None:
    if expression is None:
        return None
    if not isinstance(expression, str):
        raise ValueError(f"{name}={expression!r} is no regular expression: expected str or None.")
    try:
        return re.compile(canonical(expression))
    except re.error as error:
        raise ValueError(f"{name}={expression!r} is no regular expression: {error}.") from error


def _check_found(found: Sorted, folder: Path, rules: Rules) -> None:
    """Refuse a folder without images, and one whose names tell nothing."""
    if found.images:
        return
    untold = [path for path, modality, _ in found.aside if modality is None]
    if not untold:
        names = sorted((path.name for path in folder.iterdir()), key=natural)
        held = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") or "nothing"
        raise DataLoadingError(
            f"{folder.name} holds no images (it has {held}); expected slices (PNG, JPEG, TIFF, "
            f"BMP, .npy), volumes ({', '.join(VOLUME_SUFFIXES)}) or DICOM, in folders named CT/ "
            "and MRI/ or with these words in their names."
        )
    raise DataLoadingError(
        f"The names of {len(untold)} images don't tell CT from MRI, such as "
        f"{', '.join(untold[:3])}"
        + ("; ct= and mri= match none of them. " if rules.ct or rules.mri else ". ")
        + "Put them into folders CT/ and MRI/, or pass ct= and mri=, regular expressions for "
        "the relative paths, such as ct='A/', mri='B/'."
    )


def _of_one_kind(found: Sorted, planes: Planes) -> list[ImageFile]:
    """Slices or volumes: the kind that has the planes that are wanted.

    Raises
    ------
    DataLoadingError
        Where both kinds have, or none.
    """
    there: dict[str, set[str]] = {}
    for image in found.images:
        plane = planes.of(image.modality, image.sequence)
        there.setdefault(image.kind, set()).update([plane] if plane else [])
    if not planes.is_pair and not any(there.values()):
        raise DataLoadingError(_lacking(found.images, planes))
    if len(there) == 1:
        return found.images
    least = 1 if planes.is_alone else 2
    whole = [kind for kind in there if len(there[kind]) >= least]
    if len(whole) == 2:
        examples = [next(i.path for i in found.images if i.kind == kind) for kind in whole]
        raise DataLoadingError(
            f"The folder holds slices and volumes of {_said(planes)}, such as {examples[0]} and "
            f"{examples[1]}; pass ct= and mri=, regular expressions that match one kind only, or "
            "name the folder that holds one."
        )
    counts = Counter(image.kind for image in found.images)
    kept = whole[0] if whole else counts.most_common(1)[0][0]
    found.aside += [
        (image.path, image.modality, f"not read beside {kept}")
        for image in found.images
        if image.kind != kept
    ]
    return [image for image in found.images if image.kind == kept]


def _said(planes: Planes) -> str:
    return "both modalities" if planes.is_pair else " and ".join(planes.modalities)


def _lacking(images: list[ImageFile], planes: Planes) -> str:
    """What a folder holds, where it has nothing of what is wanted."""
    names = Counter((image.sequence or image.modality).upper() for image in images)
    held = ", ".join(f"{name} ({count} files)" for name, count in names.most_common())
    return f"The folder holds no {' or '.join(planes.modalities)}; it has {held}."


def _part_patients(matched: Matched, rules: Rules) -> None:
    """Separate images that belong to different patients, as `patient` finds them."""
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
