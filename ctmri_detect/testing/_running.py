"""Run checks one after the other; a failure begins with the name of its check."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from types import ModuleType
from typing import Any
from unittest import SkipTest

Check = Callable[..., None]
_PREFIX = "check_"


def checks_of(*modules: ModuleType) -> Iterator[tuple[str, Check]]:
    """Name and function of each check in these modules, in the order in which they are written."""
    for module in modules:
        for name, check in vars(module).items():
            if name.startswith(_PREFIX):
                yield name.removeprefix(_PREFIX), check


def refuse_other(value: object, kind: type, caller: str, example: str) -> None:
    """Refuse what is no object of a subclass of this base class, such as a class itself."""
    if not isinstance(value, kind):
        got = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
        raise TypeError(
            f"{caller} got {got}; expected an object of a subclass of "
            f"ctmri_detect.base.{kind.__name__}, such as {example}."
        )


def run_checks(checks: Mapping[str, Check], skip: Collection[str], *given: Any) -> None:
    """Run the checks that `skip` does not name; what needs an absent extra is left out."""
    if unknown := sorted(set(skip) - set(checks)):
        raise ValueError(f"skip holds {unknown}; expected some of {', '.join(checks)}.")
    for name, check in checks.items():
        if name in skip:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                check(*given)
            except SkipTest:
                continue
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from error
            except Exception as error:
                kind = type(error).__name__
                raise AssertionError(f"{name}: it raised {kind}: {error}") from error
