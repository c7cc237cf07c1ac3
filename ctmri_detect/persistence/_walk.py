"""Change parts of a nested estimator without touching the original."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator

_WALKED = ("ctmri_detect", "sklearn", "pyod")  # packages whose objects are looked into

Replace = Callable[[Any, str], Any]


def mapped(value: Any, replace: Replace, name: str = "", done: dict[int, Any] | None = None) -> Any:
    """`value` with each part replaced by `replace(part, name)`, where name is attribute or key.

    Only objects on the way to a changed part are copied (shallow); the original does not change.

    Examples
    --------
    >>> mapped({"a": [1, 2]}, lambda part, name: "two" if part == 2 else part)
    {'a': [1, 'two']}
    """
    done = {} if done is None else done
    new = replace(value, name)
    if new is not value:
        return new
    if id(value) in done:
        return done[id(value)]
    done[id(value)] = value  # a cycle ends here
    if isinstance(value, dict):
        changed = _changed(value, replace, done)
        if changed:
            new = copy.copy(value)
            new.update(changed)
    elif isinstance(value, list | tuple):
        parts = [mapped(part, replace, name, done) for part in value]
        if any(a is not b for a, b in zip(parts, value, strict=True)):
            new = value._make(parts) if hasattr(value, "_make") else type(value)(parts)
    elif _is_walked(value):
        changed = _changed(vars(value), replace, done)
        if changed:
            new = object.__new__(type(value))
            new.__dict__.update(vars(value) | changed)
    done[id(value)] = new
    return new


def _changed(parts: dict[Any, Any], replace: Replace, done: dict[int, Any]) -> dict[Any, Any]:
    after = {key: mapped(part, replace, str(key), done) for key, part in parts.items()}
    return {key: part for key, part in after.items() if part is not parts[key]}


def _is_walked(value: object) -> bool:
    own = type(value).__module__.split(".")[0] in _WALKED or isinstance(value, BaseEstimator)
    return own and hasattr(value, "__dict__") and not isinstance(value, type)
