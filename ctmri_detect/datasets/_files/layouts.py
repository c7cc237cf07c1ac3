"""From the names of files to CT and MRI images, each with what tells it from the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from ctmri_detect.datasets._files.images import SUFFIXES
from ctmri_detect.datasets._files.names import (
    ending_of,
    read_name,
    stem_of,
    without_modality,
)
from ctmri_detect.datasets._volumes.volume_files import VOLUME_SUFFIXES
from ctmri_detect.exceptions import DataLoadingError

VOLUMES = VOLUME_SUFFIXES
_SPLIT = re.compile(r"(train|test|val|valid|validation)[-_ ]?[ab]$", re.IGNORECASE)
_BIDS = re.compile(r"(sub-[A-Za-z0-9]+)(?:_(ses-[A-Za-z0-9]+))?(?=_|$)")
_TECHNICAL = re.compile(r"_(?:acq|ce|rec|space|desc|res|task|echo|part|mod)-[A-Za-z0-9]+(?=_|$)")


class Rules(NamedTuple):
    """What the caller says about the names: compiled expressions and a sequence, or None."""

    patient: re.Pattern[str] | None = None
    sequence: str | None = None
    ct: re.Pattern[str] | None = None
    mri: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Image:
    """One image file and what its path says.

    Attributes
    ----------
    path : str
        Relative to the folder, POSIX.
    modality : {"ct", "mri"}
    sequence : str or None
    place : tuple of str
        The folders that it lies in, without what names the modality: CT and MRI of one place
        may be a pair.
    words : tuple of str
        Its name without the modality.
    told_by : {"folder", "name", "parameter"}
        What told the modality.
    kind : {"slices", "volumes"}
    """

    path: str
    modality: str
    sequence: str | None
    place: tuple[str, ...]
    words: tuple[str, ...]
    told_by: str
    kind: str

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return stem_of(self.path)


@dataclass
class Sorted:
    """Files by what they are.

    Attributes
    ----------
    images : list of Image
    aside : list of (path, modality or None, reason)
        What is no CT or MRI image but should be told.
    masks : int
        How many masks there are; they are left alone.
    """

    images: list[Image]
    aside: list[tuple[str, str | None, str]]
    masks: int


def sort_files(files: Iterable[str], rules: Rules) -> Sorted:
    """Tell CT, MRI, masks and the rest by their paths.

    Raises
    ------
    DataLoadingError
        Where `ct` and `mri` both match one file.
    """
    found = Sorted([], [], 0)
    for path in files:
        ending = ending_of(path)
        if ending not in SUFFIXES and ending not in VOLUMES:
            modality = _of_folders(path)[0]
            if modality is not None:
                found.aside.append((path, modality, f"not an image type ({', '.join(SUFFIXES)})"))
            continue
        told = _tell(path, rules)
        if told is None and (read_name(stem_of(path)).mask or _in_mask_folder(path)):
            found.masks += 1
        elif told is None:
            found.aside.append((path, None, _why_untold(path, rules)))
        else:
            found.images.append(_image(path, *told))
    found.images = _without_matched_folders(found.images, rules)
    return found


def _tell(path: str, rules: Rules) -> tuple[str, str] | None:
    """Modality and what told it; None where nothing does or it is a mask."""
    if rules.ct is not None or rules.mri is not None:
        matched = [
            name
            for name, rule in (("ct", rules.ct), ("mri", rules.mri))
            if rule is not None and rule.search(path)
        ]
        if len(matched) == 2:
            raise DataLoadingError(
                f"ct= and mri= both match {path}; expected "
                "two regular expressions that no path fits both of."
            )
        if matched:
            return matched[0], "parameter"
    name = read_name(stem_of(path))
    if name.mask or _in_mask_folder(path):
        return None
    modality, certain = _of_folders(path)
    told: tuple[str, str] | None = None
    if certain and modality is not None:
        told = modality, "folder"
    elif name.modality in ("ct", "mri"):
        told = name.modality, "name"
    elif modality is not None:
        told = modality, "folder"
    if told is not None and (rules.ct if told[0] == "ct" else rules.mri) is not None:
        return None  # the expression for this modality says that it is not one
    return told


def _of_folders(path: str) -> tuple[str | None, bool]:
    """Modality by the nearest folder that names one; certain where it names nothing else."""
    loose: str | None = None
    for folder in reversed(path.split("/")[:-1]):
        words = read_name(folder)
        if words.is_modality:
            return words.modality, True
        if loose is None and words.modality in ("ct", "mri"):
            loose = words.modality
    return loose, False


def _in_mask_folder(path: str) -> bool:
    return any(read_name(folder).is_mask for folder in path.split("/")[:-1])


def _why_untold(path: str, rules: Rules) -> str:
    if rules.ct is not None or rules.mri is not None:
        return "neither ct= nor mri= matches it"
    if read_name(stem_of(path)).modality == "both":
        return "its name says CT and MRI"
    return "its name says neither CT nor MRI"


def _image(path: str, modality: str, told_by: str) -> Image:
    stem = stem_of(path)
    name = read_name(stem)
    *folders, _ = path.split("/")
    sequences = [name.sequence, *(read_name(f).sequence for f in reversed(folders))]
    image = Image(
        path=path,
        modality=modality,
        sequence=next((s for s in sequences if s), None) if modality == "mri" else None,
        place=tuple(part for folder in folders if (part := _place(folder))),
        words=name.rest,
        told_by=told_by,
        kind="volumes" if ending_of(path) in VOLUMES else "slices",
    )
    return _as_bids(image, stem)


def _place(folder: str) -> str:
    """A folder's name without the modality; "" where nothing else is said."""
    split = _SPLIT.match(folder)
    if split:  # trainA and trainB are one place, testA and testB another
        return split.group(1).lower()
    words = read_name(folder)
    if words.modality in ("ct", "mri"):
        return without_modality(folder)
    return folder if words.without_fillers else ""


def _as_bids(image: Image, stem: str) -> Image:
    """The entities of a BIDS name: subject and session are the place, the rest is the name."""
    found = _BIDS.match(stem)
    if not found:
        return image
    above = [f for f in image.place if not re.match(r"(sub|ses)-", f) and f != "ses"]
    sessions = [f for f in image.path.split("/")[:-1] if f.startswith("ses-")]
    session = found.group(2) or (sessions[-1] if sessions else "")
    session = "" if read_name(session).modality else session  # ses-ct, ses-mri
    place = (*above, found.group(1), *([session] if session else []))
    rest = read_name(_TECHNICAL.sub("", stem[found.end() :]))
    return replace(image, place=place, words=rest.rest)


def _without_matched_folders(images: list[Image], rules: Rules) -> list[Image]:
    """Where `ct` or `mri` names a folder, what it names is no part of the place.

    An expression such as ``^A/.*`` runs over a folder without naming it alone. That one counts
    where all CT lie in one folder at that depth and all MRI in another: a patient's stay.
    """
    by_depth: dict[str, dict[int, set[str]]] = {"ct": {}, "mri": {}}
    for image in images:
        for depth, folder in enumerate(image.path.split("/")[:-1]):
            by_depth[image.modality].setdefault(depth, set()).add(folder)
    cleaned = []
    for image in images:
        rule, others = (rules.ct, "mri") if image.modality == "ct" else (rules.mri, "ct")
        found = rule.search(image.path) if rule is not None else None
        if found is None or is_bids(image):
            cleaned.append(image)
            continue
        parts, start = [], 0
        for depth, folder in enumerate(image.path.split("/")[:-1]):
            left, right = found.start() - start, found.end() - start
            start += len(folder) + 1
            own, other = (by_depth[m].get(depth, set()) for m in (image.modality, others))
            named = left >= 0 and right <= len(folder) + 1
            over = left < len(folder) and right > 0 and folder not in other
            if over and (named or len(own) == len(other) == 1) and not _SPLIT.match(folder):
                folder = (folder[: max(left, 0)] + folder[right:]).strip("-_. ")
            parts.append(_place(folder))
        cleaned.append(replace(image, place=tuple(part for part in parts if part)))
    return cleaned


def is_split(path: str) -> bool:
    """Whether a file lies in a folder such as CycleGAN's trainA."""
    return any(_SPLIT.match(folder) for folder in path.split("/")[:-1])


def is_bids(image: Image) -> bool:
    """Whether a file's name begins as BIDS has it, with sub-."""
    return _BIDS.match(image.stem) is not None
