"""The reference pages name every public object, and every public docstring has an example."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import ctmri_detect

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
BLOCK = re.compile(r"\.\. currentmodule:: (\S+)(.*?)```", re.DOTALL)
ROW = re.compile(r"`(ctmri_detect\.[\w.]+)`")  # a constant, in a table


def packages() -> list[str]:
    """The library's public packages, and public modules that are no packages."""
    found = pkgutil.walk_packages(ctmri_detect.__path__, "ctmri_detect.")
    names = [module.name for module in found if module.ispkg and "._" not in module.name]
    modules = ["localization", "recalibration", "exceptions", "pairs"]
    return ["ctmri_detect", *names, *(f"ctmri_detect.{name}" for name in modules)]


def own(module: ModuleType) -> list[str]:
    """The names that a module offers."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    found = vars(module).items()
    return [n for n, o in found if getattr(o, "__module__", "") == module.__name__ and n[0] != "_"]


def public() -> dict[str, object]:
    """Full name to object."""
    modules = [importlib.import_module(name) for name in packages()]
    return {f"{m.__name__}.{name}": getattr(m, name) for m in modules for name in own(m)}


def listed() -> list[str]:
    """Full names on the reference pages."""
    names = []
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text("utf-8")
        names += ROW.findall(text)
        for module, block in BLOCK.findall(text):
            names += [f"{module}.{name}" for name in re.findall(r"^   ([\w.]+)$", block, re.M)]
    return names


def key(thing: object) -> object:
    """What a thing is told by: classes and functions by their definition, for a doctest of a
    module loads it a second time."""
    if inspect.isclass(thing) or inspect.isfunction(thing):
        return thing.__module__, thing.__qualname__
    return id(thing)


def found(name: str) -> object:
    """What a full name names."""
    owner, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(owner), last)
    except ImportError:
        return importlib.import_module(name)


PUBLIC = public()
TOLD = {
    name: thing
    for name, thing in PUBLIC.items()
    if inspect.isclass(thing) or inspect.isfunction(thing)
}
EXCEPTIONS = {
    n for n, t in TOLD.items() if inspect.isclass(t) and issubclass(t, BaseException | Warning)
}


def test_every_public_object_is_on_a_reference_page():
    shown = {key(found(name)) for name in listed()}
    shown |= {key(importlib.import_module(name)) for name in packages()}  # a page of its own each
    assert [name for name, thing in PUBLIC.items() if key(thing) not in shown] == []


def test_no_name_is_on_two_pages():
    names = listed()
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", sorted(set(TOLD) - EXCEPTIONS))
def test_a_public_docstring_has_an_example(name):
    text = inspect.getdoc(TOLD[name]) or ""
    assert "\nExamples\n---" in text
    assert ">>>" in text.partition("\nExamples\n---")[2]
