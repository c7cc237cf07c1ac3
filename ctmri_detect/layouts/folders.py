"""Which folders name a modality, and where such a word is part of a patient's or visit's name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ctmri_detect.io.names import Words, letters, read_name, without_modality
from ctmri_detect.layouts.people import People

Path = tuple[str, ...]
Key = tuple[Path, str]
_SPLIT = re.compile(r"(train|test|val|valid|validation)[-_ ]?[ab]$", re.IGNORECASE)


@dataclass
class _Folder:
    """A folder that names a modality.

    Attributes
    ----------
    words : Words
    rest : str
        Its name without the modality.
    known, named : set of str
        The modalities of its files that are known, and those that their names say.
    told : bool
        Whether a folder above or below it, named CT or MRI alone, tells the modality.
    """

    words: Words
    rest: str
    known: set[str | None] = field(default_factory=set)
    named: set[str | None] = field(default_factory=set)
    told: bool = False

    @property
    def numbered(self) -> bool:
        """Whether a number stands beside the modality, so that it may be a patient: CT-01."""
        first = self.words.tokens[0]
        bare = bool(self.words.without_fillers) and not letters(self.words.without_fillers)
        return bare or (first.kind in ("ct", "mri", "sequence") and first.glued)

    @property
    def alike(self) -> str:
        """Equal for neighbouring folders that are named alike: if one is a name, all are."""
        return "number" if self.numbered else self.rest.casefold()

    @property
    def is_name(self) -> bool:
        """Whether the word for a modality is part of a name, judged by what the folder holds."""
        other = "mri" if self.words.modality == "ct" else "ct"
        if not self.words.is_modality:
            held = self.known | self.named
            return other in held or (self.numbered and self.told)
        if self.words.explicit:
            return False
        return "ct" in self.known or self.named >= {"ct", "mri"}


class Told(NamedTuple):
    """What folders say; `certain` where the name of one is the modality alone."""

    modality: str | None
    certain: bool
    sequence: str | None
    place: Path


class Folders:
    """What the folders of a data set say.

    A folder whose name is CT or MRI alone says the modality. So does a word in a longer name, or
    a sequence alone (``T2``), unless the folder holds the other modality. Then the word is part of
    a name, such as a patient's (``PD01``) or a visit's (``T2``); also in folders beside it that
    are named alike.

    Parameters
    ----------
    files : iterable of (folders, known, by_name)
        For each image: its folders; its modality, where an expression or a folder named CT or MRI
        tells it; and the modality that its own name says.
    """

    def __init__(self, files: Iterable[tuple[Path, str | None, str | None]]) -> None:
        told = dict.fromkeys(files)
        self._told: dict[Path, Told] = {}
        self._people = People(
            (name, None) for path in dict.fromkeys(p for p, *_ in told) for name in path
        )
        found: dict[Key, _Folder] = {}
        for path, known, named in told:
            pure = [said for name in reversed(path) if (said := self.read(name)).is_modality]
            for depth, name in enumerate(path):
                if self.read(name).modality in ("ct", "mri"):
                    new = _Folder(self.read(name), self._rest(name))
                    folder = found.setdefault(self._key(path, depth), new)
                    folder.known.add(known or (pure[0].modality if pure else None))
                    folder.named.add(named)
                    folder.told |= bool(pure)
        groups = {(key[0], one.alike) for key, one in found.items() if one.is_name}
        self._says = {
            key: one
            for key, one in found.items()
            if (one.words.is_modality and one.words.explicit) or (key[0], one.alike) not in groups
        }
        beside: dict[Key, set[str | None]] = defaultdict(set)
        for (place, _), one in self._says.items():
            beside[place, one.rest.casefold()].add(one.words.modality)
        self._cut = {key for key, modalities in beside.items() if len(modalities) == 2}

    def read(self, name: str) -> Words:
        """What a folder's name says."""
        return self._people.read(name)

    def _rest(self, name: str) -> str:
        return without_modality(name, self._people.lead(name))

    def _key(self, path: Path, depth: int) -> Key:
        """A folder and its place; CT/ and MRI/ beside each other are the same place."""
        above = (self._rest(name) if self.read(name).modality else name for name in path[:depth])
        return tuple(name.casefold() for name in above if name), path[depth].casefold()

    def of(self, path: Path) -> Told:
        """What the folders of a path say together."""
        if path not in self._told:
            saying = [
                (depth, one)
                for depth in reversed(range(len(path)))
                if (one := self._says.get(self._key(path, depth)))
            ]
            modality, certain = _modality([one.words for _, one in saying])
            place = tuple(self._part(path, depth) for depth in range(len(path)))
            self._told[path] = Told(modality, certain, self._sequence(path, saying), place)
        return self._told[path]

    def _sequence(self, path: Path, saying: list[tuple[int, _Folder]]) -> str | None:
        """The sequence of the innermost folder that says one; a patient's number says none."""
        for depth, one in saying:
            certain = one.words.is_modality or not one.numbered or self._is_cut(path, depth, one)
            if one.words.sequence and certain:
                return one.words.sequence
        return None

    def _part(self, path: Path, depth: int) -> str:
        """A folder's name as it is compared; "" where it says nothing but the modality."""
        name = path[depth]
        split = _SPLIT.match(name)
        if split:  # trainA and trainB are one place, testA and testB another
            return split.group(1).lower()
        one = self._says.get(self._key(path, depth))
        if one is None:
            return plain(name)
        if one.words.is_modality:
            return ""
        return one.rest if self._is_cut(path, depth, one) else name

    def _is_cut(self, path: Path, depth: int, one: _Folder) -> bool:
        return (self._key(path, depth)[0], one.rest.casefold()) in self._cut


def _modality(saying: list[Words]) -> tuple[str | None, bool]:
    """The modality by the most certain name: CT or MRI alone, a sequence alone, a word in it."""
    ranked = sorted(saying, key=lambda words: (not words.is_modality, not words.explicit))
    return (ranked[0].modality, ranked[0].is_modality) if ranked else (None, False)


def told_alone(path: Path) -> str | None:
    """The modality of the innermost folder whose name is CT or MRI and nothing else."""
    named = (read_name(name) for name in reversed(path))
    return next((words.modality for words in named if words.is_modality and words.explicit), None)


def plain(name: str) -> str:
    """A folder's name; "" where it holds only words such as "images", which say nothing."""
    words = read_name(name)
    return name if words.without_fillers or words.modality in ("ct", "mri") else ""


def is_split(path: Path) -> bool:
    """Whether one of the folders is named as in CycleGAN: trainA, testB, ..."""
    return any(_SPLIT.match(name) for name in path)
