"""The caller's regular expressions for the patient, and for CT and MRI."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.layouts.folders import Folders, is_split, plain
from ctmri_detect.layouts.planes import Planes


class Rules(NamedTuple):
    """Compiled expressions, or None, and the planes that are wanted."""

    patient: re.Pattern[str] | None = None
    planes: Planes = Planes()
    ct: re.Pattern[str] | None = None
    mri: re.Pattern[str] | None = None

    def of(self, modality: str) -> re.Pattern[str] | None:
        """The expression for this modality, or None."""
        return self.ct if modality == "ct" else self.mri


def matched(text: str, rules: Rules) -> str | None:
    """The modality of a path by the expressions `ct` and `mri`; None where neither matches.

    Raises
    ------
    DataLoadingError
        If both match.
    """
    found = [name for name in ("ct", "mri") if (rule := rules.of(name)) and rule.search(text)]
    if len(found) == 2:
        raise DataLoadingError(
            f"ct= and mri= both match {text}; expected "
            "two regular expressions that never match the same path."
        )
    return found[0] if found else None


class MatchedFolders:
    """The place of an image (its folders), without what the expressions `ct` and `mri` matched.

    An expression such as ``^A/.*`` matches more than the name of a folder. It counts as the name
    of that folder only if all CT lie in one folder at that depth and all MRI in another. Folders
    of patients stay parts of the place.

    Parameters
    ----------
    images : iterable of (str, str)
        Path and modality.
    rules : Rules
    folders : Folders
    """

    def __init__(self, images: Iterable[tuple[str, str]], rules: Rules, folders: Folders) -> None:
        self._rules = rules
        self._folders = folders
        self._held: dict[str, dict[int, set[str]]] = {"ct": {}, "mri": {}}
        for text, modality in images:
            for depth, name in enumerate(text.split("/")[:-1]):
                self._held[modality].setdefault(depth, set()).add(name)

    def place(self, text: str, modality: str) -> tuple[str, ...]:
        """The folders of an image as they are compared."""
        path = tuple(text.split("/")[:-1])
        parts = list(self._folders.of(path).place)
        rule = self._rules.of(modality)
        found = rule.search(text) if rule is not None else None
        if found is None:
            return tuple(parts)
        start = 0
        other = self._held["mri" if modality == "ct" else "ct"]
        for depth, name in enumerate(path):
            left, right = found.start() - start, found.end() - start
            start += len(name) + 1
            here, there = self._held[modality][depth], other.get(depth, set())
            named = left >= 0 and right <= len(name) + 1
            over = left < len(name) and right > 0 and name not in there
            if over and (named or len(here) == len(there) == 1) and not is_split((name,)):
                parts[depth] = plain((name[: max(left, 0)] + name[right:]).strip("-_. "))
        return tuple(parts)
