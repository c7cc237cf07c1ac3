"""Tell CT and MRI images from the names of files, and what each name says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ctmri_detect.io.images import SUFFIXES
from ctmri_detect.io.names import Words, ending_of, read_name, stem_of
from ctmri_detect.io.volumes.volume_files import VOLUME_SUFFIXES
from ctmri_detect.io.words import canonical
from ctmri_detect.layouts.bids import Bids, read_bids
from ctmri_detect.layouts.expressions import MatchedFolders, Rules, matched
from ctmri_detect.layouts.folders import Folders, told_alone
from ctmri_detect.layouts.people import People, lead_of


@dataclass(frozen=True)
class ImageFile:
    """One image file and what its path says.

    Attributes
    ----------
    path : str
        Relative to the folder, POSIX, as it is on the disk.
    text : str
        The path as it is compared, see `canonical`.
    modality : {"ct", "mri"}
    sequence : str or None
    place : tuple of str
        Its folders, without those that name the modality. A CT and an MRI in the same place may
        be a pair.
    words : tuple of str
        Its name without the modality; of BIDS without subject and session.
    told_by : {"folder", "name", "parameter"}
        What told the modality.
    bids : bool
        Whether its name is one of BIDS: it begins with ``sub-``.
    """

    path: str
    text: str
    modality: str
    sequence: str | None
    place: tuple[str, ...]
    words: tuple[str, ...]
    told_by: str
    bids: bool

    @property
    def stem(self) -> str:
        """The file's name without its ending, as it is compared."""
        return stem_of(self.text)

    @property
    def kind(self) -> str:
        """Slices or volumes."""
        return "volumes" if ending_of(self.path) in VOLUME_SUFFIXES else "slices"


@dataclass
class Sorted:
    """Files by what they are.

    Attributes
    ----------
    images : list of ImageFile
    aside : list of (path, modality or None, reason)
        Other files that the user should know of.
    masks : int
        Number of masks; they are not used.
    """

    images: list[ImageFile]
    aside: list[tuple[str, str | None, str]]
    masks: int


@dataclass
class _File:
    """A file of an image type: its path, and what an expression and its own name say."""

    path: str
    text: str
    matched: str | None
    bids: Bids | None = None
    words: Words = field(default_factory=lambda: read_name(""))

    @property
    def stem(self) -> str:
        return stem_of(self.text)

    @property
    def folders(self) -> tuple[str, ...]:
        """Its folders; of BIDS with subject and session last, also if only the name has them."""
        above = tuple(self.text.split("/")[:-1])
        if self.bids is None:
            return above
        session = self.bids.session or next((f for f in above if f.startswith("ses-")), "")
        others = (f for f in above if not f.lower().startswith(("sub-", "ses-")))
        return (*others, self.bids.subject, *([session] if session else []))

    @property
    def known(self) -> str | None:
        """The modality, unless only a word in a longer name or a sequence tells it."""
        suffix = self.words.modality if self.bids else None
        return self.matched or suffix or told_alone(self.folders)


def sort_files(files: Iterable[str], rules: Rules) -> Sorted:
    """Sort files into CT, MRI, masks and the rest by their paths.

    Raises
    ------
    DataLoadingError
        If `ct` and `mri` both match one file.
    """
    found = Sorted([], [], 0)
    parsed, others = _read_names(files, rules)
    beside = {path: tuple(canonical(path).split("/")[:-1]) for path in others}
    folders = Folders(
        [
            *((file.folders, file.known, file.words.modality) for file in parsed),
            *((above, told_alone(above), None) for above in beside.values()),
        ]
    )
    for path, above in beside.items():
        modality = folders.of(above).modality
        if modality is not None:
            found.aside.append((path, modality, f"not an image type ({', '.join(SUFFIXES)})"))
    told: list[_Told] = []
    for file in parsed:
        answer = _tell(file, folders, rules)
        if answer is not None:
            told.append(_Told(file, *answer))
        elif _is_mask(file):
            found.masks += 1
        else:
            found.aside.append((file.path, None, _why_untold(file, rules)))
    found.images = _images(told, rules, folders)
    return found


class _Told(NamedTuple):
    file: _File
    modality: str
    by: str


def _images(told: list[_Told], rules: Rules, folders: Folders) -> list[ImageFile]:
    of_ct = {one.file.stem.casefold() for one in told if one.modality == "ct"}
    places = MatchedFolders(((one.file.text, one.modality) for one in told), rules, folders)
    images = []
    for file, modality, by in told:
        shared = file.stem.casefold() in of_ct
        images.append(
            ImageFile(
                path=file.path,
                text=file.text,
                modality=modality,
                sequence=_sequence(file, by, folders, shared) if modality == "mri" else None,
                place=_place(file, modality, folders, places),
                words=(file.bids.entities if file.bids else ()) + file.words.of(modality),
                told_by=by,
                bids=file.bids is not None,
            )
        )
    return images


def _read_names(files: Iterable[str], rules: Rules) -> tuple[list[_File], list[str]]:
    """The files of image types, and the paths of the others."""
    parsed, others = [], []
    for path in files:
        if ending_of(path) not in (*SUFFIXES, *VOLUME_SUFFIXES):
            others.append(path)
            continue
        text = canonical(path)
        parsed.append(_File(path, text, matched(text, rules), read_bids(stem_of(text))))
    plain = [file for file in parsed if file.bids is None]
    people = People((file.stem, file.known) for file in plain)
    for file in parsed:
        file.words = file.bids.words if file.bids else people.read(file.stem)
    return parsed, others


def _tell(file: _File, folders: Folders, rules: Rules) -> tuple[str, str] | None:
    """The modality and what told it; None where nothing does, or for a mask."""
    if file.matched is not None:
        return file.matched, "parameter"
    if _is_mask(file):
        return None
    said = folders.of(file.folders)
    named = file.words.modality if file.words.modality in ("ct", "mri") else None
    by_name = named is not None and (file.bids is not None or not said.certain)
    modality = named if by_name else said.modality
    if modality is None or rules.of(modality) is not None:
        return None  # the expression for this modality says that it is not one
    return modality, "name" if by_name else "folder"


def _is_mask(file: _File) -> bool:
    above = file.text.split("/")[:-1]
    return file.words.mask or any(read_name(folder).is_mask for folder in above)


def _why_untold(file: _File, rules: Rules) -> str:
    if rules.ct is not None or rules.mri is not None:
        return "neither ct= nor mri= matches it"
    if file.words.modality == "both":
        return "its name says CT and MRI"
    return "its name says neither CT nor MRI"


def _sequence(file: _File, by: str, folders: Folders, shared: bool) -> str | None:
    """The sequence of an MRI by its name, unless a CT has the same name; else by its folders."""
    if file.bids:
        return file.words.sequence
    lead = lead_of(file.stem) if by != "name" else None
    own = None if shared or (lead and lead.glued) else file.words.sequence
    return own or folders.of(file.folders).sequence


def _place(file: _File, modality: str, folders: Folders, places: MatchedFolders) -> tuple[str, ...]:
    if file.bids:
        return tuple(part for part in folders.of(file.folders).place if part not in ("", "ses"))
    return tuple(part for part in places.place(file.text, modality) if part)
