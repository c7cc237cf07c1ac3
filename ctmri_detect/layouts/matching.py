"""Which images belong to one sample: by equal names or numbers, never by a guess."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.names import numbers
from ctmri_detect.layouts.expressions import Rules
from ctmri_detect.layouts.keys import Unit, numbered, place_of, uniform_names
from ctmri_detect.layouts.layouts import ImageFile
from ctmri_detect.layouts.people import numbered_names
from ctmri_detect.layouts.planes import Planes

Key = Callable[[ImageFile], Hashable | None]
Found = list[tuple[str, ImageFile]]
_OTHER = {"ct": "MRI", "mri": "CT"}


class SeveralSequencesError(DataLoadingError):
    """A head has several MRI sequences, and none was chosen; `sequences` lists them."""

    def __init__(self, sequences: tuple[str, ...], text: str) -> None:
        super().__init__(text)
        self.sequences = sequences


@dataclass
class Matched:
    """The images that were joined to samples, and why the rest was not.

    Attributes
    ----------
    units : list of dict of str to ImageFile
        The samples: an image for each plane that is there, in the order of the planes.
    alone : dict of path to (ImageFile, reason)
    by_number : int
        Number of samples whose images have only a number in common.
    ambiguous : list of str
        One sentence for each group of images that could be joined in more than one way.
    """

    units: list[Unit] = field(default_factory=list)
    alone: dict[str, tuple[ImageFile, str]] = field(default_factory=dict)
    by_number: int = 0
    ambiguous: list[str] = field(default_factory=list)


def match(images: list[ImageFile], rules: Rules) -> Matched:
    """Join images of one place: by equal stems, by equal words, by numbers, or as the only ones.

    These are four rounds, each with a key. Images with the same key are joined only if there is
    at most one of each plane; if there are more, all of them are left alone, with the reason. With
    one plane, each image is a sample.

    Raises
    ------
    DataLoadingError
        If a head has several MRI sequences and none was chosen, or a chosen one does not exist.
    """
    matched = Matched()
    units = _chosen(images, rules.planes, matched)
    if rules.planes.is_alone:
        if rules.planes.names == ("mri",):
            _refuse_several([image for unit in units for image in unit.values()])
        matched.units = units
        return matched
    units = _joined(units, rules, matched)
    both = len({image.modality for image in images}) == 2
    for unit in units:
        if len(unit) == 1 and rules.planes.is_pair:
            ((plane, image),) = unit.items()
            where = "of this name" if both else "in this folder"
            matched.alone[image.path] = (image, f"no {_OTHER[plane]} {where}")
        else:
            matched.units.append({n: unit[n] for n in rules.planes.names if n in unit})
    return matched


def _joined(units: list[Unit], rules: Rules, matched: Matched) -> list[Unit]:
    """The images of each sample, after all rounds."""
    uniform = uniform_names(units, rules)

    def number(image: ImageFile) -> Hashable | None:
        place, words, patient = numbered(image, rules)
        found = numbers(words)
        if not found or (place, patient) not in uniform:
            return None
        return place, patient, found, numbered_names(words)

    rounds: list[Key] = [
        lambda image: (place_of(image), image.stem.casefold()),
        lambda image: (place_of(image), image.words),
        number,
        lambda image: place_of(image) if image.kind == "volumes" and image.place else None,
    ]
    complete: list[Unit] = []
    for index, key in enumerate(rounds):
        before = sum(len(unit) > 1 for unit in complete + units)
        units = _round(units, key, rules.planes, matched)
        complete += [unit for unit in units if len(unit) == len(rules.planes.names)]
        units = [unit for unit in units if len(unit) < len(rules.planes.names)]
        if index == 2:
            matched.by_number = sum(len(unit) > 1 for unit in complete + units) - before
    return complete + units


def _chosen(images: list[ImageFile], planes: Planes, matched: Matched) -> list[Unit]:
    """All images that belong to a plane, each in a unit of its own; others are left alone."""
    units: list[Unit] = []
    for image in images:
        plane = planes.of(image.modality, image.sequence)
        if plane is not None:
            units.append({plane: image})
        elif image.modality == "mri" and planes.sequences:
            said, asked = image.sequence or "unknown", " or ".join(planes.sequences)
            matched.alone[image.path] = (image, f"{NOT_CHOSEN} {asked} (it is {said})")
    here = {image.sequence or "unknown" for image in images if image.modality == "mri"}
    missing = [name for name in planes.sequences if name not in here]
    if missing and (here or not planes.is_pair):
        raise DataLoadingError(
            f"sequence={missing[0]!r}, but no MRI is named so; found: "
            f"{', '.join(sorted(here)) or 'no MRI'}. The sequence is read from the names of files "
            "and folders. Choose one that was found, or pass mri=, a regular expression."
        )
    return units


NOT_CHOSEN = "not of the sequence"
"""Beginning of the status of an MRI whose sequence is not one of `sequence`."""


def _round(units: list[Unit], key: Key, planes: Planes, matched: Matched) -> list[Unit]:
    """Join units that share a key, if they hold at most one image of each plane; return all."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, unit in enumerate(units):
        for shared in {key(image) for image in unit.values()} - {None}:
            groups[shared].append(number)
    joined = dict(enumerate(units))
    several: list[Found] = []
    now = list(range(len(units)))  # the unit to which each was joined
    for members in groups.values():
        parts = sorted({_root(now, number) for number in members} & set(joined))
        found = [image for part in parts for image in joined[part].items()]
        there = {plane for plane, _ in found}
        if len(parts) < 2 or len(there) < 2:
            continue
        if len(there) == len(found):
            joined[parts[0]] = dict(found)
            for part in parts[1:]:
                now[part] = parts[0]
                del joined[part]
        elif planes.is_pair and _differ_in_sequence(found):
            several.append(found)
        else:
            singles = [part for part in parts if len(joined[part]) == 1]
            _leave_alone(
                found, [image for p in singles for image in joined.pop(p).values()], matched
            )
    if several:
        _ask_for_sequence([[image for _, image in found] for found in several])
    return list(joined.values())


def _root(now: list[int], number: int) -> int:
    while now[number] != number:
        number = now[number]
    return number


def _differ_in_sequence(found: Found) -> bool:
    mris = [image.sequence for plane, image in found if plane == "mri"]
    return len(found) - len(mris) == 1 and len(set(mris)) == len(mris)


def _leave_alone(found: Found, images: list[ImageFile], matched: Matched) -> None:
    """Leave these images alone, because `found` can be joined in more than one way."""
    found = sorted(found, key=lambda one: one[0] != "ct")
    paths = [image.path for _, image in found]
    shown = ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
    counts = Counter(plane for plane, _ in found)
    listed = " and ".join(f"{n} {plane.upper()}" for plane, n in counts.items())
    parameter = "ct=" if counts["ct"] > 1 else "mri="
    reason = f"{listed} fit each other: {shown}; pass {parameter}"
    matched.ambiguous.append(reason)
    for image in images:
        matched.alone[image.path] = (image, reason)


def _ask_for_sequence(several: list[list[ImageFile]]) -> None:
    cts = [image for image in several[0] if image.modality == "ct"]
    mris = [image for image in several[0] if image.modality == "mri"]
    what = (
        f"CT have more than one MRI sequence, such as {cts[0].path}"
        if cts
        else ("heads have more than one MRI sequence, such as")
    )
    known = sorted({image.sequence for group in several for image in group if image.sequence})
    raise SeveralSequencesError(
        tuple(known),
        f"{len(several)} {what}: {', '.join(image.path for image in mris)}. Pass "
        f"{' or '.join(f'sequence={name!r}' for name in known)}, or several to have a plane for "
        f"each: sequence={tuple(known)!r}. In the command: --sequence {','.join(known)}.",
    )


def _refuse_several(images: Iterable[ImageFile]) -> None:
    """Refuse several sequences with MRI alone: those of one head would become two samples."""
    groups: dict[Hashable, list[ImageFile]] = defaultdict(list)
    for image in images:
        groups[place_of(image), image.words].append(image)
    several = [group for group in groups.values() if len({one.sequence for one in group}) > 1]
    if several:
        _ask_for_sequence(several)
