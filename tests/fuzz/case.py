"""One case: files in a folder, the parameters of the calls, and what is known of the result."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CALLS = ("find_pairs", "load_pairs", "load_volume_pairs", "describe_pairs")


@dataclass
class Outcome:
    """What one call gave: a value, or an error, and the warnings on the way.

    `left_out` says that it was not called, to save time.
    """

    value: Any = None
    error: BaseException | None = None
    warnings: list[tuple[type[Warning], str]] = field(default_factory=list)
    left_out: bool = False

    @property
    def text(self) -> str:
        """The error's message, empty where there is none."""
        return "" if self.error is None else str(self.error)


Outcomes = dict[str, Outcome]
Check = Callable[[Outcomes], Iterator[str]]


@dataclass
class Case:
    """What a maker fills.

    Attributes
    ----------
    folder : Path
        Where the files go.
    rng : Generator
        All that is drawn comes from here.
    options : dict of call to dict
        Parameters of the calls.
    checks : list of callable
        What is known of the result; each yields a sentence for each thing that is wrong.
    secrets : list of str
        Words that no result and no message may hold.
    unprivileged : bool
        Whether the calls run without the rights of root.
    known : bool
        Whether a check is about the right value of what is odd here.
    target : Path or None
        What the calls get, where that is not `folder`.
    """

    folder: Path
    rng: np.random.Generator
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    unprivileged: bool = False
    known: bool = False
    target: Path | None = None

    def path(self, name: str) -> Path:
        """A path in the folder, its parents made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: bytes) -> str:
        """Write a file; returns its name."""
        self.path(name).write_bytes(content)
        return name

    def expect(self, check: Check, *, known: bool = True) -> None:
        """Add a check; `known` says whether it is about the odd file's own right value."""
        self.checks.append(check)
        self.known |= known

    def choice(self, *of: Any) -> Any:
        """One of these, as it is."""
        return of[int(self.rng.integers(len(of)))]

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return bool(self.rng.random() < share)

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))


@dataclass(frozen=True)
class Kind:
    """A family of cases and what makes one of them."""

    name: str
    make: Callable[[Case], None]
    weight: int


KINDS: list[Kind] = []


def kind(weight: int = 1) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Enter a maker; it is run `weight` times as often as one of weight 1."""

    def enter(make: Callable[[Case], None]) -> Callable[[Case], None]:
        family = make.__module__.rpartition(".")[2]
        KINDS.append(Kind(f"{family}: {make.__name__.replace('_', ' ')}", make, weight))
        return make

    return enter


def schedule() -> list[Kind]:
    """All kinds by their weights, spread evenly: case `n` is of kind ``n % len``."""
    if not KINDS:
        makers = importlib.import_module(".makers", __package__)
        for module in sorted(info.name for info in pkgutil.iter_modules(makers.__path__)):
            importlib.import_module(f".makers.{module}", __package__)
    turns = [((i + 0.5) / one.weight, n) for n, one in enumerate(KINDS) for i in range(one.weight)]
    return [KINDS[n] for _, n in sorted(turns)]


def generator(seed: int, number: int) -> np.random.Generator:
    """The generator of one case."""
    return np.random.default_rng([seed, number])
