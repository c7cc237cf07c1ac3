"""Which CT image goes with which MRI image: by equal names, or a number, never by choice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.names import letters, numbers, read_name
from ctmri_detect.layouts.expressions import Rules
from ctmri_detect.layouts.layouts import ImageFile
from ctmri_detect.layouts.people import numbered_names

Key = Callable[[ImageFile], Hashable | None]
_OTHER = {"ct": "MRI", "mri": "CT"}


@dataclass
class Matched:
    """What was paired, and why the rest was not.

    Attributes
    ----------
    pairs : list of (ImageFile, ImageFile)
    alone : dict of path to (ImageFile, reason)
    by_number : int
        How many pairs only a number connects.
    ambiguous : list of str
        One sentence for each group of images that fit each other in more than one way.
    """

    pairs: list[tuple[ImageFile, ImageFile]] = field(default_factory=list)
    alone: dict[str, tuple[ImageFile, str]] = field(default_factory=dict)
    by_number: int = 0
    ambiguous: list[str] = field(default_factory=list)


def match(images: list[ImageFile], rules: Rules) -> Matched:
    """Pair images of one place: by equal stems, by equal words, by numbers, or as the only two.

    In each round an image is paired only where exactly one CT and one MRI share a key. Where
    more do, all of them are left alone, with the reason.

    Raises
    ------
    DataLoadingError
        Where a CT has several MRI sequences and none was chosen, or the chosen one isn't there.
    """
    matched = Matched()
    left = _of_sequence(images, rules, matched)
    uniform = _uniform_names(left, rules)

    def number(image: ImageFile) -> Hashable | None:
        place, words, patient = _numbered(image, rules)
        found = numbers(words)
        if not found or (place, patient) not in uniform:
            return None
        return place, patient, found, numbered_names(words)

    rounds: list[Key] = [
        lambda image: (_place(image), image.stem.casefold()),
        lambda image: (_place(image), image.words),
        number,
        lambda image: _place(image) if image.kind == "volumes" and image.place else None,
    ]
    for index, key in enumerate(rounds):
        before = len(matched.pairs)
        left = _round(left, key, matched)
        if index == 2:
            matched.by_number = len(matched.pairs) - before
    lacking = {"ct", "mri"} - {image.modality for image in images}
    for image in left:
        other = _OTHER[image.modality]
        where = "in this folder" if lacking else "of this name"
        matched.alone[image.path] = (image, f"no {other} {where}")
    return matched


def _of_sequence(images: list[ImageFile], rules: Rules, matched: Matched) -> list[ImageFile]:
    """All CT, and the MRI of the chosen sequence."""
    if rules.sequence is None:
        return list(images)
    found = {image.sequence or "unknown" for image in images if image.modality == "mri"}
    if found and rules.sequence not in found:
        raise DataLoadingError(
            f"sequence={rules.sequence!r}, but no MRI is named so; found: "
            f"{', '.join(sorted(found))}. The sequence is read from the names of files and "
            "folders; mri= takes a regular expression instead."
        )
    left = []
    for image in images:
        if image.modality == "ct" or image.sequence == rules.sequence:
            left.append(image)
        else:
            said = image.sequence or "unknown"
            matched.alone[image.path] = (image, f"{NOT_CHOSEN} {rules.sequence} (it is {said})")
    return left


NOT_CHOSEN = "not of the sequence"
"""How the status of an MRI begins that `sequence` left out."""


def _round(images: list[ImageFile], key: Key, matched: Matched) -> list[ImageFile]:
    """Pair images where exactly one CT and one MRI share a key; returns the others."""
    groups: dict[Hashable, tuple[list[ImageFile], list[ImageFile]]] = defaultdict(lambda: ([], []))
    left = []
    for image in images:
        shared = key(image)
        if shared is None:
            left.append(image)
        else:
            groups[shared][image.modality == "mri"].append(image)
    several = []
    for cts, mris in groups.values():
        if not cts or not mris:
            left += cts + mris
        elif len(cts) == len(mris) == 1:
            matched.pairs.append((cts[0], mris[0]))
        elif len(cts) == 1 and len({image.sequence for image in mris}) == len(mris):
            several.append((cts[0], mris))
        else:
            _leave_alone(cts, mris, matched)
    if several:
        _ask_for_sequence(several)
    return left


def _leave_alone(cts: list[ImageFile], mris: list[ImageFile], matched: Matched) -> None:
    shown = ", ".join(image.path for image in (cts + mris)[:4])
    more = f" and {len(cts) + len(mris) - 4} more" if len(cts) + len(mris) > 4 else ""
    parameter = "ct=" if len(cts) > 1 else "mri="
    reason = f"{len(cts)} CT and {len(mris)} MRI fit each other: {shown}{more}; pass {parameter}"
    matched.ambiguous.append(reason)
    for image in cts + mris:
        matched.alone[image.path] = (image, reason)


def _ask_for_sequence(several: list[tuple[ImageFile, list[ImageFile]]]) -> None:
    ct, mris = several[0]
    known = sorted({image.sequence for _, group in several for image in group if image.sequence})
    raise DataLoadingError(
        f"{len(several)} CT have more than one MRI sequence, such as {ct.path}: "
        f"{', '.join(image.path for image in mris)}. A data set holds one; pass "
        f"{' or '.join(f'sequence={name!r}' for name in known)}."
    )


def _uniform_names(images: list[ImageFile], rules: Rules) -> set[tuple[Hashable, str | None]]:
    """Places where only numbers tell one name from the next, on both sides.

    Only there may a number pair: anna_12 and bob_12 are no pair, IMG12 and slice_012 are one.
    """
    seen: dict[tuple[Hashable, str | None], dict[str, set[tuple[str, ...]]]] = {}
    for image in images:
        place, words, patient = _numbered(image, rules)
        sides = seen.setdefault((place, patient), {"ct": set(), "mri": set()})
        sides[image.modality].add(letters(words))
    return {place for place, sides in seen.items() if all(len(s) <= 1 for s in sides.values())}


def _numbered(image: ImageFile, rules: Rules) -> tuple[Hashable, tuple[str, ...], str | None]:
    """Place, words without the patient, and the patient that `patient` finds in the name."""
    found = rules.patient.search(image.stem) if rules.patient is not None else None
    if found is None or (not found.groups() and not found.group()):
        return _place(image), image.words, None
    group = 1 if found.re.groups else 0
    start, end = found.span(group)
    rest = image.stem[:start] + "_" + image.stem[end:]
    return _place(image), read_name(rest).of(image.modality), found.group(group)


def _place(image: ImageFile) -> tuple[str, ...]:
    return _folded(image.place)


@lru_cache(maxsize=4096)
def _folded(place: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in place)
