"""Late imports that name their cure, and the lazy names of the packages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra of the package brings it.

    Parameters
    ----------
    module : str
        Dotted name, such as ``"torch"``.
    extra : str
        The extra of ``ctmri_detect`` that installs it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        Where it is not installed; the message is the command that installs it.

    Examples
    --------
    >>> require("numpy", extra="torch").__name__
    'numpy'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise ImportError(
            f"This needs the package {module.split('.')[0]!r}, which is not installed. "
            f'Run: pip install "ctmri_detect[{extra}]"'
        ) from error


def lazy_names(
    package: str, names: dict[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package that imports on first use.

    The package's own public modules are found on first use, too.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    names : dict of str to str
        Public name to the module that defines it.

    Returns
    -------
    getattr, dir, all
        To be assigned in the package's ``__init__``.
    """

    def __getattr__(name: str) -> Any:
        if name in names:
            return getattr(importlib.import_module(names[name]), name)
        if name in _public_modules(package):
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*names, *_public_modules(package)})

    return __getattr__, __dir__, sorted(names)


def _public_modules(package: str) -> list[str]:
    spec = find_spec(package)
    folders = None if spec is None else spec.submodule_search_locations
    found = [module.name for module in pkgutil.iter_modules(folders or [])]
    return [name for name in found if not name.startswith("_")]
