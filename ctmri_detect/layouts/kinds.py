"""Which images of a folder are used, slices or volumes; and errors where there are none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.names import natural
from ctmri_detect.io.volumes.volume_files import VOLUME_SUFFIXES
from ctmri_detect.layouts.expressions import Rules
from ctmri_detect.layouts.layouts import ImageFile, Sorted
from ctmri_detect.layouts.planes import Planes


def check_found(found: Sorted, folder: Path, rules: Rules) -> None:
    """Refuse a folder without images, and one whose names say neither CT nor MRI."""
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


def of_one_kind(found: Sorted, planes: Planes) -> list[ImageFile]:
    """The images of one kind, slices or volumes: the kind that has the wanted planes.

    Raises
    ------
    DataLoadingError
        If both kinds have them, or none.
    """
    there: dict[str, set[str]] = {}
    for image in found.images:
        own = image.modality if planes.is_pair else planes.of(image.modality, image.sequence)
        there.setdefault(image.kind, set()).update([own] if own else [])
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
            f"{examples[1]}; expected one kind. Pass ct= and mri=, regular expressions that match "
            "one kind only, or a folder that holds one kind."
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
    """The error for a folder that holds none of the wanted planes."""
    names = Counter((image.sequence or image.modality).upper() for image in images)
    held = ", ".join(f"{name} ({count} files)" for name, count in names.most_common())
    return f"The folder holds no {' or '.join(planes.modalities)}; it has {held}."
