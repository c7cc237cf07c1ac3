"""Late imports that say what to install, and the lazy names of the packages."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import lazy_loader


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
        If it is not installed; the message is the command that installs it.

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


def lazy_package(
    name: str, file: str, removed: dict[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package import its public names on first use, as the stub beside it lists them.

    `lazy_loader` reads the stub ``__init__.pyi``, which type checkers and editors read too.

    Parameters
    ----------
    name, file : str
        The package's ``__name__`` and ``__file__``.
    removed : dict of str to str, default=None
        Names that the package had in the last release, each with the name to use
        instead, from the library's root: ``"metrics.new_name"``.

    Returns
    -------
    getattr, dir, all
        To be assigned in the package's ``__init__``. A removed name is an ImportError that names
        its successor. It is no AttributeError, because ``from package import name`` shows only
        the message of an ImportError.

    References
    ----------
    Scientific Python, SPEC 1: Lazy loading of submodules and functions.
    """
    load, listing, names = lazy_loader.attach_stub(name, file)

    def __getattr__(attribute: str) -> Any:
        if removed and attribute in removed:
            raise ImportError(
                f"{name}.{attribute} was removed. Use ctmri_detect.{removed[attribute]}."
            )
        return load(attribute)

    return __getattr__, listing, names
