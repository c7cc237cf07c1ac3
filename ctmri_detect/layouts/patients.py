"""The patient of each pair: by the caller's expression, or else by folders or names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.names import read_name
from ctmri_detect.layouts.layouts import ImageFile
from ctmri_detect.layouts.people import patient_of_folder, patient_of_stem

Unit = tuple[ImageFile, ...]  # a pair, or one image where there are no pairs
Namer = Callable[[ImageFile], str | None]


class Patients(NamedTuple):
    """A function from an image to its patient, and where it finds the patient.

    Attributes
    ----------
    name : callable
    source : {"parameter", "folders", "names", None}
    """

    name: Namer
    source: str | None


def find_patients(pairs: Sequence[Unit], rule: re.Pattern[str] | None) -> Patients:
    """What names the patients of this folder: an expression, or else folders or names.

    Raises
    ------
    DataLoadingError
        If `rule` is given and finds nothing in some pair.
    """
    if rule is not None:
        _check_rule(pairs, rule)
        return Patients(_in_one_form(partial(by_rule, rule), pairs), "parameter")
    sure = [_of_place(image)[1] for pair in pairs for image in pair]
    if pairs and all(_agree(_by_place, pair) for pair in pairs):
        distinct = {_by_place(pair[0]) for pair in pairs}
        if all(sure) or len(distinct) > 1:
            return Patients(_in_one_form(_by_place, pairs), "folders")
    if pairs and all(_agree(_by_stem, pair) for pair in pairs):
        return Patients(_in_one_form(_by_stem, pairs), "names")
    return Patients(lambda image: None, None)


def _in_one_form(name: Namer, pairs: Sequence[Unit]) -> Namer:
    """A namer that takes names which differ only in case for one patient, by the first of them."""
    forms: dict[str, str] = {}
    for found in (name(image) for pair in pairs for image in pair):
        if found is not None:
            forms.setdefault(found.casefold(), found)

    def first(image: ImageFile) -> str | None:
        found = name(image)
        return None if found is None else forms.get(found.casefold(), found)

    return first


def by_rule(rule: re.Pattern[str], image: ImageFile) -> str | None:
    """The first group, or the whole match, in the stem or else in the relative path."""
    found = rule.search(image.stem) or rule.search(image.text)
    return found.group(1 if rule.groups else 0) if found else None


def _check_rule(pairs: Sequence[Unit], rule: re.Pattern[str]) -> None:
    missed = [pair[0] for pair in pairs if not any(by_rule(rule, image) for image in pair)]
    if missed:
        raise DataLoadingError(
            f"patient={rule.pattern!r} matches nothing in {len(missed)} of {len(pairs)} names, "
            f"such as {missed[0].path!r}; expected a regular expression that is "
            "found in each (or, in load_pairs, a column of the labels file)."
        )


def _agree(name: Namer, pair: Unit) -> bool:
    names = [name(image) for image in pair]
    return len({n.casefold() for n in names if n is not None}) == 1 and None not in names


def _by_place(image: ImageFile) -> str | None:
    return _of_place(image)[0]


def _of_place(image: ImageFile) -> tuple[str | None, bool]:
    """The innermost folder that is certainly a patient's, else the innermost that may be one."""
    found = [patient_of_folder(part) for part in reversed(image.place)]
    certain = next(((name, sure) for name, sure in found if sure), None)
    return certain or next(((n, sure) for n, sure in found if n is not None), (None, False))


def _by_stem(image: ImageFile) -> str | None:
    """The patient at the beginning of the name; of a slice only if another number follows."""
    name = patient_of_stem(image.stem)
    if name is None or image.kind == "volumes":
        return name
    rest = read_name(image.stem[len(name) :]).rest
    return name if any(word.isdecimal() for word in rest) else None
