"""The MRI sequence that a text names; all words for sequences are listed here."""

from __future__ import annotations

import re
from typing import NamedTuple

from ctmri_detect.io.words import canonical, split_words

SEQUENCES = {
    "t1": "t1", "t1w": "t1", "t1wi": "t1", "t1n": "t1", "mprage": "t1",
    "t1c": "t1ce", "t1ce": "t1ce", "t1gd": "t1ce",
    "t2": "t2", "t2w": "t2", "t2wi": "t2",
    "t2star": "swi", "t2starw": "swi", "t2*": "swi", "t2*w": "swi", "swi": "swi",
    "flair": "flair", "t2f": "flair", "darkfluid": "flair", "dafl": "flair",
    "pd": "pd", "pdw": "pd", "dwi": "dwi", "adc": "adc",
}  # fmt: skip
"""Words that name a sequence in any text; they also say that an image is an MRI."""

_DESCRIBED = {  # words in a scanner's description; in a file's name they mean other things
    "proton": "pd", "diff": "dwi", "diffusion": "dwi", "trace": "dwi", "tracew": "dwi",
    "dti": "dwi", "apparent": "adc", "swan": "swi", "susceptibility": "swi",
    "hemo": "swi", "haemo": "swi",
}  # fmt: skip
_WEIGHTINGS = {**_DESCRIBED, **SEQUENCES}
_T1_TECHNIQUES = {"mprage", "bravo", "fspgr", "spgr"}  # T1 if no weighting is named
_GRADIENT_ECHOES = {"gre", "ffe", "fl2d", "fl3d", "flash", "me2d", "me3d", "medic", "merge"}
_ONE_OF_TWO = {  # two words together, and the sequence that they mean
    frozenset({"t1", "flair"}): "t1",  # inversion recovery, T1-weighted
    frozenset({"t2", "flair"}): "flair",
    frozenset({"t1", "t1ce"}): "t1ce",
    frozenset({"t2", "swi"}): "swi",
    frozenset({"dwi", "adc"}): "adc",
}

_OTHERS = {  # scouts, time series, vessels, projections: no sequence, even with T1 in the name
    "localizer", "localizers", "localiser", "loc", "scout", "survey", "fieldmap", "bold", "fmri",
    "perf", "perfusion", "dsc", "dce", "pwi", "asl", "pcasl", "pasl", "tof", "mra", "mrv", "angio",
    "mip", "minip", "qsm", "subtraction", "subtracted", "spectroscopy", "eadc",
}  # fmt: skip
_UNIFORM = {"uni", "uniden"}  # of the images of an MP2RAGE, the T1-weighted one
_MAPS = {"map", "maps", "mapping"}  # T1 in milliseconds is no T1-weighted image; ADC is a map
_NOT_OF = {
    "swi": {"pha", "phase", "phs"},
    "dwi": {"fa", "colfa", "tensor"},
    "adc": {"exp", "exponential"},
}

AGENT = {
    "ce", "gd", "gad", "gado", "gadolinium", "km", "mdc", "post", "postcontrast", "contrast", "+c",
    "c+",
}  # fmt: skip
"""Words that mean, together with T1, that contrast agent was given."""
_AFTER = {"post", "postcontrast", "+c", "c+"}
_BEFORE = {"pre", "precontrast", "native", "nativ"}
_NO = {"no", "non", "without", "wo", "ohne", "sans"}
_WITHOUT = re.compile(r"(?<![a-z])w/o(?![a-z])", re.IGNORECASE)
_BOTH = re.compile(r"(?<![a-z])(?:w/wo|wo/w|with and without)(?![a-z])", re.IGNORECASE)
_AFTER_TREATMENT = re.compile(r"post[-_ ]?(?:op|surg|treat|rt|therap|chemo)", re.IGNORECASE)


class Said(NamedTuple):
    """What a text says about the sequence.

    `name` is None where it names none or is not clear; `anything` is True where it says something.
    """

    name: str | None
    anything: bool


def read_sequence(text: str) -> Said:
    """The sequence that a series' description or a file's name says.

    Only whole words count, and a weighting goes before a technique. So ``t1_mprage HEADCOIL`` is
    T1, although "HEADCOIL" contains "adc". A gradient echo with T2 is T2*, which is "swi" here. A
    T1 FLAIR is T1. There is no answer where words contradict one another (a dual echo "PD/T2"),
    where only a technique of several weightings is named ("CUBE", "FFE"), and for scouts, maps,
    projections and time series.

    Examples
    --------
    >>> [read_sequence(text).name for text in ("AX T2 FLAIR FS", "T2W_FFE", "CUBE", "SCOUT1")]
    ['flair', 'swi', None, None]
    """
    text = _WITHOUT.sub("without", canonical(text))
    text = _AFTER_TREATMENT.sub("", text)
    words = [word.text for word in split_words(text)]
    said = {_WEIGHTINGS[word] for word in words if word in _WEIGHTINGS and word != "mprage"}
    if not said and _T1_TECHNIQUES & set(words):
        said = {"t1"}
    name = None if _is_other(words, said) else _weighting(words, said)
    if name == "t1":
        name = _before_or_after(words, text)
    return Said(name, bool(said) or not (_OTHERS | {"mp2rage"}).isdisjoint(words))


def _is_other(words: list[str], said: set[str]) -> bool:
    """Whether the image is none of the sequences, even if its name holds a weighting."""
    if not _OTHERS.isdisjoint(words) or (not _MAPS.isdisjoint(words) and "adc" not in said):
        return True
    if "mp2rage" in words and _UNIFORM.isdisjoint(words):
        return True
    return any(not _NOT_OF.get(name, set()).isdisjoint(words) for name in said)


def _weighting(words: list[str], said: set[str]) -> str | None:
    if said == {"t2"} and not _GRADIENT_ECHOES.isdisjoint(words):
        return "swi"
    if len(said) == 1:
        return next(iter(said))
    return _ONE_OF_TWO.get(frozenset(said))


def _before_or_after(words: list[str], text: str) -> str | None:
    """Return "t1" before contrast agent, "t1ce" after it, or None where the words say both."""
    agent = AGENT & set(words)
    if _BOTH.search(text):
        return None
    none = any(
        word in _NO and not AGENT.isdisjoint(words[i + 1 : i + 3]) for i, word in enumerate(words)
    )
    if none or not _BEFORE.isdisjoint(words):
        return None if agent & _AFTER else "t1"
    return "t1ce" if agent else "t1"


def known_sequence(sequence: str | None) -> str | None:
    """The sequence that the parameter `sequence` means.

    Raises
    ------
    ValueError
        For a word that names no sequence.
    """
    if sequence is None:
        return None
    found = SEQUENCES.get(str(sequence).lower())
    if found is None:
        raise ValueError(
            f"sequence is {sequence!r}; expected one of {sorted(set(SEQUENCES.values()))}. "
            "For another sequence, pass mri=, a regular expression that finds it in the paths."
        )
    return found
