"""Safe names of files, made from names of patients and slices, which may hold any character."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OTHERS = re.compile(r"[^\w.-]+")
_LONGEST = 100  # characters: file systems take 255 bytes


def file_names(names: Iterable[object]) -> list[str]:
    """A file name for each name: without folders and odd characters, and no two alike.

    Equal names, and names that differ only in case, get a number at their end.

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
