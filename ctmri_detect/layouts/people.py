"""Which part of a name is a patient's, even if it looks like a modality."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from ctmri_detect.io.names import FILLERS, Words, kind_of, read_name
from ctmri_detect.io.words import split_words

_MODALITY = ("ct", "mri", "sequence")
_PATIENT_WORDS = r"(?:sub|subj|subject|patient|pat|pt|case|p)"
_PATIENT_STEM = re.compile(rf"{_PATIENT_WORDS}[-_ ]?[0-9]+(?=[-_. ]|$)", re.IGNORECASE)
_PATIENT_FOLDER = re.compile(
    rf"(?:{_PATIENT_WORDS}(?:[-_ ]?[0-9][A-Za-z0-9]*|[-_ ][A-Za-z0-9]*[0-9][A-Za-z0-9]*)"
    r"|sub-[A-Za-z0-9]+)$",  # BIDS labels may be letters
    re.IGNORECASE,
)
_BRATS = re.compile(  # the number at the end of newer names is a visit
    r"(BraTS[-_][A-Za-z]+-[0-9]+)-[0-9]+(?![0-9])|(BraTS[0-9]*_(?:[A-Za-z0-9]+_)*[0-9]+)(?![0-9])",
    re.IGNORECASE,
)
_WITH_NUMBER = re.compile(r".*[a-z][-_ ]?[0-9]+$")
_NUMBERED_FOLDER = re.compile(r"(?=.*[0-9])[A-Za-z0-9]+(?:[-_ ][A-Za-z0-9]+)?$")
_NO_PATIENT = {
    "train", "training", "test", "testing", "val", "valid", "validation", "fold", "split", "set",
    "subset", "dataset", "batch", "part", "chunk", "site", "center", "centre", "hospital", "clinic",
    "scanner", "series", "ser", "session", "ses", "visit", "day", "week", "month", "year", "date",
    "v", "vol", "volume", "task", "version", "study", "level", "run", "group", "cohort",
    "timepoint", "tp", "time", "baseline", "followup", "fu", "exam",
}  # fmt: skip


class Lead(NamedTuple):
    """A word for a modality and a number at the beginning of a name, as in ``PD01_ct_3``."""

    text: str
    word: str
    glued: bool


def lead_of(name: str) -> Lead | None:
    """The beginning of a longer name that looks like a modality and may be a patient, or None."""
    words = split_words(name)
    if len(words) < 3 or words[0].start > 0 or not words[1].text.isdecimal():
        return None
    if kind_of(words[0].text) not in _MODALITY:
        return None
    between = name[words[0].end : words[1].start]
    rest = re.search(r"[-_. ]", name[words[1].end :])
    if between not in ("", "-", "_", " ") or rest is None:
        return None
    return Lead(name[: words[1].end + rest.start()], words[0].text, glued=not between)


class People:
    """Tells names such as ``PD01_ct_3`` (patient PD01) from names such as ``ct01_3``.

    Such a beginning is a patient's name if the rest of the name says the modality once more, or if
    it begins the name of a CT and the name of an MRI.

    Parameters
    ----------
    names : iterable of (str, str or None)
        Names of files, without their endings, or of folders, and the modality that is known.
    """

    def __init__(self, names: Iterable[tuple[str, str | None]]) -> None:
        self._leads: set[str] = set()
        self._words: set[str] = set()
        seen: dict[str, set[str | None]] = defaultdict(set)
        for name, known in names:
            lead = lead_of(name)
            if lead is None:
                continue
            kind = kind_of(lead.word)
            after = read_name(name, len(lead.text))
            held = seen[lead.text.casefold()]
            held.add(after.modality or known)
            if held >= {"ct", "mri"} or _is_told_again(kind, after):
                self._leads.add(lead.text.casefold())
                self._words |= {lead.word} if kind == "sequence" else set()

    def lead(self, name: str) -> int:
        """How many characters at its beginning are a patient's name."""
        lead = lead_of(name)
        if lead is None:
            return 0
        known = lead.text.casefold() in self._leads or lead.word in self._words
        return len(lead.text) if known else 0

    def read(self, name: str) -> Words:
        """What a name says, without the patient."""
        return read_name(name, self.lead(name))


def _is_told_again(kind: str, after: Words) -> bool:
    """Whether the rest of the name says the same modality as the beginning."""
    if kind == "sequence":
        return after.modality == "mri"
    return after.explicit and after.modality == kind


def numbered_names(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that are a name with a number, such as pd01: another number is another person."""
    return tuple(w for w in words if _WITH_NUMBER.match(w) and kind_of(w) != "sequence")


@lru_cache(maxsize=4096)
def patient_of_folder(name: str) -> tuple[str | None, bool]:
    """The patient that a folder's name gives, or None; and whether that is certain.

    It is certain for ``patient01``, ``sub-3`` and ``case_7``, and for BraTS's
    ``BraTS20_Training_001`` and ``BraTS-GLI-00008-001`` (a visit of ``BraTS-GLI-00008``).
    ``1BA001`` or ``0007`` may be a patient, if other folders beside it are alike. ``train1`` and
    ``session2`` are none.

    Examples
    --------
    >>> patient_of_folder("BraTS-GLI-00008-001"), patient_of_folder("session2")
    (('BraTS-GLI-00008', True), (None, False))
    """
    if brats := _BRATS.fullmatch(name):
        return brats[1] or brats[2], True
    if _PATIENT_FOLDER.match(name):
        return name, True
    if _NUMBERED_FOLDER.match(name) and not read_name(name).is_modality:  # T2 is a visit at most
        words = [word.text for word in split_words(name)]
        if not any(word in _NO_PATIENT or word in FILLERS for word in words):
            return name, False
    return None, False


def patient_of_stem(stem: str) -> str | None:
    """The patient at the beginning of a file's name, such as ``p01`` or ``case16``."""
    if brats := _BRATS.match(stem):
        return brats[1] or brats[2]
    found = _PATIENT_STEM.match(stem)
    return found.group() if found else None
