"""Names of files out of names of patients and slices, which may hold anything."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OTHERS = re.compile(r"[^\w.-]+")
_LONGEST = 100  # characters: file systems take 255 bytes


def file_names(names: Iterable[object]) -> list[str]:
    """A name of a file for each name: no folder, no odd character, no two alike.

    Equal names, also those that differ in capitals only, get a number at their end.

    Examples
    --------
    >>> file_names(["p1", "../p 2", "P1", ""])
    ['p1', 'p_2', 'P1_2', 'unnamed']
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = _OTHERS.sub("_", str(name))[:_LONGEST].strip("._") or "unnamed"
        one, number = plain, 2
        while one.lower() in taken:
            one, number = f"{plain}_{number}", number + 1
        taken.add(one.lower())
        found.append(one)
    return found
