"""Of a class, only the members that this library documents.

Others come from scikit-learn, torch or Python. Their pages are elsewhere, and their docstrings
refer to pages that are not here.
"""

from __future__ import annotations

import inspect
from typing import Any

from sphinx.application import Sphinx


def _foreign(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    if isinstance(obj, property):
        obj = obj.fget
    home = getattr(inspect.unwrap(obj) if callable(obj) else obj, "__module__", None)
    field_of_a_tuple = home is None and inspect.isdatadescriptor(obj)
    builtin = home is None and inspect.ismethoddescriptor(obj)
    if field_of_a_tuple or builtin:
        return True
    if name.startswith("set_") and name.endswith("_request"):  # made by scikit-learn
        return True
    return True if home and not str(home).startswith("ctmri_detect") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Ask before each member."""
    app.connect("autodoc-skip-member", _foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
