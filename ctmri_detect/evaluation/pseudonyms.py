"""Results that do not hold the names of patients."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from ctmri_detect.evaluation.samples import Samples
from ctmri_detect.io.volumes.pseudonym import pseudonym

PSEUDONYMS = "pseudonyms, drawn anew at each call or made with a key"
_LEFT_OUT = "left out, because it quotes the name of a patient; without pseudonyms it is shown"
_SHORTEST = 3  # characters: "7" or "AB" are in many texts that name no patient


def renamed(samples: Samples, key: str | bytes | None = None) -> tuple[Samples, frozenset[str]]:
    """The samples with pseudonyms in place of names, and the names that they had.

    Pseudonyms are salted hashes. The salt is not kept, so that nobody can find a patient by
    hashing names. In sorted order they follow the order of the patients in the data, so results
    that depend on the order of names, such as the draws of a bootstrap, don't depend on the salt.
    With a `key` they are those of `pseudonym`: the same at each call.

    Raises
    ------
    ValueError
        Where a key gives two patients the same pseudonym.

    Examples
    --------
    >>> frame = pd.DataFrame({"patient": ["Doe", "Roe", "Doe"]})
    >>> from ctmri_detect.pairs import Pairs
    >>> given = Samples(Pairs(np.zeros((3, 2, 8, 8))), np.array([1, 1, -1]), None, frame)
    >>> found, names = renamed(given)
    >>> found.frame["patient"].str.len().tolist(), sorted(names)
    ([14, 14, 14], ['Doe', 'Roe'])
    """
    codes, names = pd.factorize(samples.frame["patient"].astype(str))
    new = _new_names(len(names)) if key is None else _keyed(names, key)
    patients = np.array(new)[codes]
    frame = samples.frame.assign(patient=patients)
    return replace(samples, X=samples.X.replace(groups=patients), frame=frame), frozenset(names)


def _new_names(n: int) -> list[str]:
    """Different pseudonyms, sorted; of numbers, because some names have the same pseudonym."""
    while True:
        salt = secrets.token_bytes(32)
        found = sorted({pseudonym(str(i), key=salt) for i in range(n)})
        if len(found) == n:
            return found


def _keyed(names: Iterable[str], key: str | bytes) -> list[str]:
    found = [pseudonym(name, key) for name in names]
    if len(set(found)) < len(found):
        raise ValueError(
            "Two patients get the same pseudonym: their names differ only in spaces around them, "
            "or in how accents are written. Write each patient in one way, or rename one of them."
        )
    return found


def without_names(text: str, names: Collection[str]) -> str:
    """The text; or, if it quotes one of the names, a text that says why it is left out.

    Examples
    --------
    >>> without_names("patient Doe has no slice", {"Doe"})[:20]
    'left out, because it'
    >>> without_names("no slice", {"Doe"})
    'no slice'
    """
    quoted = any(len(name) >= _SHORTEST and name in text for name in names)
    return _LEFT_OUT if quoted else text
