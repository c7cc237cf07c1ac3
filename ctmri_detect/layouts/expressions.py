"""What the caller says about the names: expressions for the patient and for CT and MRI."""

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
        """The expression that tells this modality."""
        return self.ct if modality == "ct" else self.mri


def matched(text: str, rules: Rules) -> str | None:
    """The modality of a path, as an expression tells it.

    Raises
    ------
    DataLoadingError
        Where both match.
    """
    found = [name for name in ("ct", "mri") if (rule := rules.of(name)) and rule.search(text)]
    if len(found) == 2:
        raise DataLoadingError(
            f"ct= and mri= both match {text}; expected "
            "two regular expressions that no path fits both of."
        )
    return found[0] if found else None


class MatchedFolders:
    """Where `ct` or `mri` names a folder, what it names is no part of the place.

    An expression such as ``^A/.*`` runs over a folder without naming it alone. That one counts
    where all CT lie in one folder at that depth and all MRI in another: a patient's stay.

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
