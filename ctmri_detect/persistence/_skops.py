"""The import of `skops.io` without torch."""

from __future__ import annotations

import sys
from types import ModuleType

from ctmri_detect._extras import require

_TORCH = "sklearn.externals.array_api_compat.torch"


def import_skops() -> ModuleType:
    """Import `skops.io`, or say which extra brings it.

    To list the types that it trusts, skops imports all packages of scikit-learn. One of them
    imports torch, which takes seconds and is not needed for a model without networks. An empty
    module stands for that one during the import.
    """
    if "torch" in sys.modules or _TORCH in sys.modules or "skops.io" in sys.modules:
        return require("skops.io", extra="save")
    sys.modules[_TORCH] = ModuleType(_TORCH)
    try:
        return require("skops.io", extra="save")
    finally:
        del sys.modules[_TORCH]
