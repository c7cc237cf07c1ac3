"""Every public class and function of the library."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import ctmri_detect


def public_objects():
    """(name, object) of what packages list in ``__all__``, and of the modules beside them."""
    seen = {}
    for module in pkgutil.walk_packages(ctmri_detect.__path__, "ctmri_detect."):
        inside = module.name.count(".") > 1 and not module.ispkg
        private = any(part.startswith("_") for part in module.name.split("."))
        if inside or private or ".cli" in module.name:
            continue
        try:
            loaded = importlib.import_module(module.name)
            names = getattr(loaded, "__all__", None) or _defined_in(loaded)
            found = {name: getattr(loaded, name) for name in names}
        except ImportError:  # an extra is absent
            continue
        seen |= {id(value): (name, value) for name, value in found.items() if callable(value)}
    yield from seen.values()


def _defined_in(module):
    """Public names of a module without ``__all__``: those that it defines itself."""
    own = {n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__}
    return sorted(name for name in own if not name.startswith("_"))


def parameters_of(value):
    """Names and parameters of a signature, without self."""
    try:
        return dict(inspect.signature(value).parameters)
    except ValueError:  # of built-in make, as an error's
        return {}
