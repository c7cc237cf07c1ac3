"""The global generators of random numbers, as they are now."""

from __future__ import annotations

import importlib.util
import random
from typing import Any

import numpy as np

from ctmri_detect.testing._laws import demand


def global_states() -> dict[str, object]:
    """State of each global generator: numpy's, Python's, and torch's where it is installed."""
    found: dict[str, object] = {"numpy": _numpy_state(), "random": random.getstate()}
    if importlib.util.find_spec("torch"):
        found["torch"] = importlib.import_module("torch").get_rng_state().tolist()
    return found


def demand_untouched(before: dict[str, object], what: str) -> None:
    """Fail where a generator is not in the state that it had."""
    for name, state in global_states().items():
        demand(state == before[name], f"{what} leave the global generator of {name} as it was.")


def _numpy_state() -> Any:
    """All of it: a single draw moves the place in the key and leaves the key alone."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 only looked at
    return repr(state["state"]["key"].tolist()), state["state"]["pos"], state["has_gauss"]
