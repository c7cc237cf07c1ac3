"""What images of one sample share: their place, and the numbers in their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from functools import lru_cache

from ctmri_detect.io.names import letters, read_name
from ctmri_detect.layouts.expressions import Rules
from ctmri_detect.layouts.layouts import ImageFile

Unit = dict[str, ImageFile]
"""The images of one sample, by their planes."""


def uniform_names(units: list[Unit], rules: Rules) -> set[tuple[Hashable, str | None]]:
    """Places where only numbers tell one name from the next, in each plane.

    Only there may a number pair: anna_12 and bob_12 are no pair, IMG12 and slice_012 are one.
    """
    seen: dict[tuple[Hashable, str | None], dict[str, set[tuple[str, ...]]]] = {}
    for unit in units:
        for plane, image in unit.items():
            place, words, patient = numbered(image, rules)
            sides = seen.setdefault((place, patient), defaultdict(set))
            sides[plane].add(letters(words))
    return {place for place, sides in seen.items() if all(len(s) <= 1 for s in sides.values())}


def numbered(image: ImageFile, rules: Rules) -> tuple[Hashable, tuple[str, ...], str | None]:
    """Place, words without the patient, and the patient that `patient` finds in the name."""
    found = rules.patient.search(image.stem) if rules.patient is not None else None
    if found is None or (not found.groups() and not found.group()):
        return place_of(image), image.words, None
    group = 1 if found.re.groups else 0
    start, end = found.span(group)
    rest = image.stem[:start] + "_" + image.stem[end:]
    return place_of(image), read_name(rest).of(image.modality), found.group(group)


def place_of(image: ImageFile) -> tuple[str, ...]:
    """Where an image lies, as it is compared: case doesn't count."""
    return _folded(image.place)


@lru_cache(maxsize=4096)
def _folded(place: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in place)
