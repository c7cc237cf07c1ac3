"""Every public class and function of the library, found by walking its public modules."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import ctmri_detect


def public_objects():
    """(name, object) of what is defined in modules without an underscore; extras may be absent."""
    for module in pkgutil.walk_packages(ctmri_detect.__path__, "ctmri_detect."):
        if any(part.startswith("_") for part in module.name.split(".")) or ".cli" in module.name:
            continue
        try:
            loaded = importlib.import_module(module.name)
        except ImportError:
            continue
        for name, value in vars(loaded).items():
            own = getattr(value, "__module__", None) == module.name
            if own and not name.startswith("_") and callable(value):
                yield name, value


def parameters_of(value):
    """Names and parameters of a signature, without self."""
    try:
        return dict(inspect.signature(value).parameters)
    except ValueError:  # of built-in make, as an error's
        return {}
