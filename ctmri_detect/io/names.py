"""What the name of a file or a folder says: modality, sequence, numbers, patient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ctmri_detect.io.sequences import AGENT, SEQUENCES, read_sequence
from ctmri_detect.io.words import split_words

_CT = {"ct", "cts", "ncct", "nect", "cect", "ctscan", "ctscans", "ctimage", "ctimages"}
_MRI = {
    "mr", "mri", "mrs", "mris", "mrscan", "mrscans", "mriscan", "mriscans", "mrimage",
    "mrimages", "mriimage", "mriimages",
}  # fmt: skip
_MASKS = {
    "mask", "masks", "seg", "segs", "dseg", "segmentation", "segmentations", "label", "labels",
    "roi", "rois", "annotation", "annotations", "lesion", "lesions",
}  # fmt: skip
FILLERS = {
    "image", "images", "img", "imgs", "scan", "scans", "slice", "slices", "data", "files",
    "png", "jpg", "jpeg", "tif", "tiff", "npy", "bmp", "nii", "nifti", "anat", "registered", "reg",
}  # fmt: skip
_ENDING = re.compile(r"\.(?:nii\.gz|[^.]*)$", re.IGNORECASE)

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+(?![A-Za-z0-9])", re.IGNORECASE)  # of BIDS


@dataclass(frozen=True)
class Token:
    """A word of a name: `kind` is "ct", "mri", "sequence", "agent", "mask" or ""."""

    text: str
    kind: str
    glued: bool  # a number follows without a separator


@dataclass(frozen=True)
class Words:
    """What one name says.

    Attributes
    ----------
    modality : {"ct", "mri", "both", None}
    sequence : str or None
        The MRI sequence, such as "t2".
    mask : bool
        Whether a word of it means a mask or a segmentation.
    tokens : tuple of Token
        All its words.
    """

    modality: str | None
    sequence: str | None
    mask: bool
    tokens: tuple[Token, ...]

    @property
    def rest(self) -> tuple[str, ...]:
        """Its words and numbers in lower case, without those for modality and sequence."""
        return tuple(token.text for token in self.tokens if token.kind in ("", "mask"))

    @property
    def explicit(self) -> bool:
        """Whether it says CT or MRI itself; a sequence alone does not count."""
        return any(token.kind in ("ct", "mri") for token in self.tokens)

    @property
    def is_modality(self) -> bool:
        """Whether the name says the modality and nothing else."""
        return self.modality in ("ct", "mri") and not self.without_fillers

    @property
    def is_mask(self) -> bool:
        """Whether the name says mask and nothing else, except perhaps a modality."""
        return self.mask and all(word in _MASKS for word in self.without_fillers)

    @property
    def without_fillers(self) -> tuple[str, ...]:
        """The rest without words such as "images", which say nothing."""
        return tuple(word for word in self.rest if word not in FILLERS)

    def of(self, modality: str) -> tuple[str, ...]:
        """The words that tell one image of this modality from another.

        Words for its own modality are left out. A word for the other modality is kept, together
        with its number: the ``PD01`` in the name of a CT is a patient.
        """
        own = {"", "mask", "ct"} if modality == "ct" else {"", "mask", "mri", "sequence", "agent"}
        words: list[str] = []
        joined = False
        for token in self.tokens:
            foreign = token.kind not in own
            if joined:
                words[-1] += token.text
            elif foreign or token.kind in ("", "mask"):
                words.append(token.text)
            joined = foreign and token.glued
        return tuple(words)


@lru_cache(maxsize=4096)  # thousands of files are in the same folder
def read_name(name: str, lead: int = 0) -> Words:
    """Split a name into words at separators, case changes and numbers, and give each its kind.

    The first `lead` characters are a patient's name and say nothing; nor does a BIDS subject.

    Examples
    --------
    >>> read_name("p01_ct_012").modality, read_name("p01_ct_012").rest
    ('ct', ('p', '01', '012'))
    >>> read_name("T2w_Slice3").sequence, read_name("sub-PD01_ct").sequence
    ('t2', None)
    """
    lead = _after(name, lead)
    words = split_words(name[lead:])
    named = any(word.text in SEQUENCES for word in words)
    sequence = read_sequence(name[lead:]).name if named else None
    kinds = [kind_of(word.text, sequence) for word in words]
    tokens = [
        Token(word.text, kind, word.end < len(name) - lead and name[lead + word.end].isdecimal())
        for word, kind in zip(words, kinds, strict=True)
    ]
    if lead:
        tokens.insert(0, Token(name[:lead].lower(), "", glued=False))
    ct, mri = "ct" in kinds, not {"mri", "sequence"}.isdisjoint(kinds)
    return Words(
        modality="both" if ct and mri else "ct" if ct else "mri" if mri else None,
        sequence=sequence,
        mask="mask" in kinds,
        tokens=tuple(tokens),
    )


def _after(name: str, lead: int) -> int:
    subject = _SUBJECT.match(name)
    return subject.end() if subject else lead


def kind_of(word: str, sequence: str | None = None) -> str:
    """The kind of a word, as in `Token`; "agent" only where the sequence is T1 with contrast."""
    if word in SEQUENCES:
        return "sequence"
    if sequence == "t1ce" and word in AGENT:
        return "agent"
    return "ct" if word in _CT else "mri" if word in _MRI else "mask" if word in _MASKS else ""


@lru_cache(maxsize=4096)
def without_modality(name: str, lead: int = 0) -> str:
    """A folder's name without the words for modality and sequence and without fillers.

    Examples
    --------
    >>> without_modality("case1_ct_images"), without_modality("MRI")
    ('case1', '')
    """
    lead = _after(name, lead)
    said = read_name(name, lead).without_fillers
    kept, end = name[:lead], lead
    for word in split_words(name[lead:]):
        start, stop = word.start + lead, word.end + lead
        kept += name[end:start] + (name[start:stop] if word.text in said else "")
        end = stop
    return re.sub(r"[-_. ]{2,}", "_", kept + name[end:]).strip("-_. ")


def stem_of(path: str) -> str:
    """The file's name without its ending; ``.nii.gz`` is one ending.

    Examples
    --------
    >>> stem_of("sub-01/sub-01_ct.nii.gz")
    'sub-01_ct'
    """
    return _ENDING.sub("", path.rpartition("/")[2])


def ending_of(path: str) -> str:
    """The file's ending with its dot, in lower case.

    Examples
    --------
    >>> ending_of("CT/a.NII.GZ"), ending_of("CT/a")
    ('.nii.gz', '')
    """
    found = _ENDING.search(path.rpartition("/")[2])
    return found.group().lower() if found else ""


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A sort key for natural order: a2 comes before a10.

    Examples
    --------
    >>> sorted(["a10", "a2"], key=natural)
    ['a2', 'a10']
    """
    parts = re.split(r"([0-9]+)", name.lower())
    return tuple((int(p), "") if p.isdecimal() else (-1, p) for p in parts)


def numbers(words: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers among the words of a name."""
    return tuple(int(word) for word in words if word.isdecimal() and word.isascii())


def letters(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a name that are no numbers."""
    return tuple(word for word in words if not (word.isdecimal() and word.isascii()))
