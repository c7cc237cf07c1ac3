"""What the name of a file or a folder says: modality, sequence, numbers, patient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_CT = {"ct", "cts", "ncct", "nect", "cect", "ctscan", "ctscans", "ctimage", "ctimages"}
_MRI = {
    "mr", "mri", "mrs", "mris", "mrscan", "mrscans", "mriscan", "mriscans", "mrimage",
    "mrimages", "mriimage", "mriimages",
}  # fmt: skip
SEQUENCES = {
    "t1": "t1", "t1w": "t1", "t1wi": "t1", "mprage": "t1",
    "t1c": "t1ce", "t1ce": "t1ce", "t1gd": "t1ce",
    "t2": "t2", "t2w": "t2", "t2wi": "t2", "t2star": "t2star",
    "flair": "flair", "pd": "pd", "pdw": "pd", "swi": "swi", "dwi": "dwi", "adc": "adc",
}  # fmt: skip
"""Words in names to the MRI sequence that they mean."""
_CONTRAST = {"ce", "gd", "post", "contrast"}  # after t1: with contrast agent
_MASKS = {
    "mask", "masks", "seg", "segs", "dseg", "segmentation", "segmentations", "label", "labels",
    "roi", "rois", "annotation", "annotations", "lesion", "lesions",
}  # fmt: skip
_FILLERS = {
    "image", "images", "img", "imgs", "scan", "scans", "slice", "slices", "data", "files",
    "png", "jpg", "jpeg", "tif", "tiff", "npy", "bmp", "nii", "nifti", "anat", "registered", "reg",
}  # fmt: skip
_WORD = re.compile(
    r"(?:CT|MRI|MR)(?=scan|slice|image)"  # CTscan: the camel would be C + Tscan
    r"|[Tt][12](?:wi|WI|[Ww]|[Cc][Ee]|[Cc]|[Gg][Dd]|[Ss]tar)?(?![a-z0-9])"
    r"|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+"
)
_ENDING = re.compile(r"\.(?:nii\.gz|[^.]*)$", re.IGNORECASE)

_PATIENT_WORDS = r"(?:sub|subj|subject|patient|pat|pt|case|p)"
_PATIENT_STEM = re.compile(rf"{_PATIENT_WORDS}[-_ ]?[0-9]+(?=[-_. ]|$)", re.IGNORECASE)
_PATIENT_FOLDER = re.compile(
    rf"(?:{_PATIENT_WORDS}(?:[-_ ]?[0-9][A-Za-z0-9]*|[-_ ][A-Za-z0-9]*[0-9][A-Za-z0-9]*)"
    r"|sub-[A-Za-z0-9]+)$",  # BIDS labels may be letters
    re.IGNORECASE,
)
_NUMBERED_FOLDER = re.compile(r"(?=.*[0-9])[A-Za-z0-9]+(?:[-_ ][A-Za-z0-9]+)?$")
_NO_PATIENT = {
    "train", "training", "test", "testing", "val", "valid", "validation", "fold", "split", "set",
    "subset", "dataset", "batch", "part", "chunk", "site", "center", "centre", "hospital", "clinic",
    "scanner", "series", "ser", "session", "ses", "visit", "day", "week", "month", "year", "date",
    "v", "vol", "volume", "task", "version", "study", "level", "run", "group", "cohort",
}  # fmt: skip


@dataclass(frozen=True)
class Words:
    """What one name says.

    Attributes
    ----------
    modality : {"ct", "mri", "both", None}
    sequence : str or None
        Of MRI, such as "t2".
    mask : bool
        Whether it names a mask or a segmentation.
    rest : tuple of str
        Its other words and numbers, in lower case.
    """

    modality: str | None
    sequence: str | None
    mask: bool
    rest: tuple[str, ...]

    @property
    def is_modality(self) -> bool:
        """Whether the whole name says the modality and nothing else."""
        return self.modality in ("ct", "mri") and not self.without_fillers

    @property
    def is_mask(self) -> bool:
        """Whether the whole name says mask and nothing else but of which modality."""
        return self.mask and all(word in _MASKS for word in self.without_fillers)

    @property
    def without_fillers(self) -> tuple[str, ...]:
        """The rest without words such as "images", which tell nothing apart."""
        return tuple(word for word in self.rest if word not in _FILLERS)


@lru_cache(maxsize=4096)  # thousands of files share a folder
def read_name(name: str) -> Words:
    """Split a name into words at separators, case changes and numbers, and sort them.

    Examples
    --------
    >>> read_name("p01_ct_012")
    Words(modality='ct', sequence=None, mask=False, rest=('p', '01', '012'))
    >>> read_name("T2w_Slice3").sequence
    't2'
    """
    words = [word.lower() for word in _WORD.findall(name)]
    ct = any(word in _CT for word in words)
    sequence = _sequence(words)
    mri = any(word in _MRI for word in words) or sequence is not None
    known = (_CT, _MRI, SEQUENCES, _CONTRAST if sequence == "t1ce" else ())
    modality = "both" if ct and mri else "ct" if ct else "mri" if mri else None
    return Words(
        modality=modality,
        sequence=sequence,
        mask=any(word in _MASKS for word in words),
        rest=tuple(word for word in words if not any(word in group for group in known)),
    )


def _sequence(words: list[str]) -> str | None:
    said = {SEQUENCES[word] for word in words if word in SEQUENCES}
    if "t1" in said and _CONTRAST & set(words):
        said = said - {"t1"} | {"t1ce"}
    if "flair" in said:  # t2_flair, t1_flair
        return "flair"
    return said.pop() if len(said) == 1 else None


@lru_cache(maxsize=4096)
def without_modality(name: str) -> str:
    """A folder's name without the words for modality and sequence and without fillers.

    Examples
    --------
    >>> without_modality("case1_ct_images"), without_modality("MRI")
    ('case1', '')
    """
    said = read_name(name).without_fillers
    kept = _WORD.sub(lambda word: word.group() if word.group().lower() in said else "", name)
    return re.sub(r"[-_. ]{2,}", "_", kept).strip("-_. ")


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
    """A sort key under which a2 comes before a10.

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


@lru_cache(maxsize=4096)
def patient_of_folder(name: str) -> tuple[str | None, bool]:
    """The patient that a folder is named after, and whether its name says that it is one.

    ``patient01``, ``sub-3`` and ``case_7`` say so; ``1BA001`` or ``0007`` may be one, which
    other folders beside it have to confirm; ``train1`` or ``session2`` is none.
    """
    if _PATIENT_FOLDER.match(name):
        return name, True
    if _NUMBERED_FOLDER.match(name):
        words = [word.lower() for word in _WORD.findall(name)]
        if not any(word in _NO_PATIENT or word in _FILLERS for word in words):
            return name, False
    return None, False


def patient_of_stem(stem: str) -> str | None:
    """The patient at the beginning of a file's name, such as ``p01`` or ``case16``."""
    found = _PATIENT_STEM.match(stem)
    return found.group() if found else None
