"""Names by the BIDS standard, in which the suffix alone says what an image is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from ctmri_detect.io.names import Words, kind_of, read_name
from ctmri_detect.io.words import split_words

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+(?=_|$)", re.IGNORECASE)
_ENTITY = re.compile(r"([A-Za-z]+)-[A-Za-z0-9.+]+$")
_TECHNICAL = {"acq", "ce", "rec", "space", "desc", "res", "task", "echo", "part", "mod"}


class Bids(NamedTuple):
    """The parts of a BIDS name.

    Attributes
    ----------
    subject : str
    session : str
        "" where the name has none.
    words : Words
        What the suffix says; the entity ``ce`` (``ce-gd``) makes T1 a T1 with contrast agent.
    entities : tuple of str
        The words of the other entities, without those that say how an image was made.
    """

    subject: str
    session: str
    words: Words
    entities: tuple[str, ...]


def read_bids(stem: str) -> Bids | None:
    """The parts of a name that begins with ``sub-``; None for other names.

    Examples
    --------
    >>> name = read_bids("sub-PD01_ses-T2_acq-postCT_run-2_T1w")
    >>> name.subject, name.session, name.words.sequence, name.entities
    ('sub-PD01', 'ses-T2', 't1', ('run', '2'))
    """
    if not _SUBJECT.match(stem):
        return None
    subject, *parts = stem.split("_")
    keys = {part: key for part in parts if (key := _key(part))}
    words = read_name("_".join(part for part in parts if part not in keys))
    if "ce" in keys.values() and words.sequence == "t1":
        words = replace(words, sequence="t1ce")
    if "label" in keys.values():
        words = replace(words, mask=True)
    told = [part for part, key in keys.items() if key not in _TECHNICAL | {"ses"}]
    session = next((part for part, key in keys.items() if key == "ses"), "")
    entities = (word.text for part in told for word in split_words(part))
    return Bids(subject, session, words, tuple(entities))


def _key(part: str) -> str:
    """The key of an entity; "" for a suffix, also for one with a number, such as ``ct-12``."""
    found = _ENTITY.match(part)
    key = found.group(1).lower() if found else ""
    return key if kind_of(key) in ("", "mask") else ""
