"""What the images of one sample have in common: their place, and the numbers in their names."""

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
    """Places where the names of each plane differ in nothing but numbers.

    Only there may a number join images: IMG12 and slice_012 may be a pair, but not anna_12 and
    bob_12.
    """
    seen: dict[tuple[Hashable, str | None], dict[str, set[tuple[str, ...]]]] = {}
    for unit in units:
        for plane, image in unit.items():
            place, words, patient = numbered(image, rules)
            sides = seen.setdefault((place, patient), defaultdict(set))
            sides[plane].add(letters(words))
    return {place for place, sides in seen.items() if all(len(s) <= 1 for s in sides.values())}


def numbered(image: ImageFile, rules: Rules) -> tuple[Hashable, tuple[str, ...], str | None]:
    """Place, words without the patient, and the patient that the rule finds in the name."""
    found = rules.patient.search(image.stem) if rules.patient is not None else None
    if found is None or (not found.groups() and not found.group()):
        return place_of(image), image.words, None
    group = 1 if found.re.groups else 0
    start, end = found.span(group)
    rest = image.stem[:start] + "_" + image.stem[end:]
    return place_of(image), read_name(rest).of(image.modality), found.group(group)


def place_of(image: ImageFile) -> tuple[str, ...]:
    """The place of an image as it is compared: without case."""
    return _folded(image.place)


@lru_cache(maxsize=4096)
def _folded(place: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in place)
