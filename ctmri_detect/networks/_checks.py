"""What the settings of a training may be."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ctmri_detect.networks.augmentation import as_augmentation, check_augmentation
from ctmri_detect.networks.device import PRECISIONS

if TYPE_CHECKING:
    from ctmri_detect.networks.training import Training

_NAMED = {
    "optimizer": ("adamw", "adam", "sgd"),
    "schedule": ("onecycle", None),
    "precision": PRECISIONS,
    "compile": (False, True),
    "resume": (False, True),
}


def check_settings(training: Training) -> None:
    """Raise a ValueError that names the first setting out of its range."""
    for name, good, expected in _rules(training):
        if not good:
            raise ValueError(
                f"Training's {name} is {getattr(training, name)!r}; expected {expected}."
            )
    augmentation = as_augmentation(training.augmentation)
    if augmentation is not None:
        check_augmentation(augmentation)


def _rules(training: Training) -> list[tuple[str, bool, str]]:
    """Name, whether it is good, and what was expected."""
    counts = {name: getattr(training, name) for name in ("max_epochs", "batch_size")}
    rules = [(name, is_count(value), "an integer of at least 1") for name, value in counts.items()]
    for name in ("num_workers", "verbose"):
        value = getattr(training, name)
        rules.append((name, is_count(value, 0) or value is True, "an integer of at least 0"))
    for name, allowed in _NAMED.items():
        one_of = any(getattr(training, name) is v or getattr(training, name) == v for v in allowed)
        rules.append((name, one_of, f"one of {', '.join(map(repr, allowed))}"))
    for name in ("log_dir", "checkpoint_dir"):
        value = getattr(training, name)
        path = value is None or (isinstance(value, (str, PathLike)) and str(value) != "")
        rules.append((name, path, "a path or None"))
    fraction, patience = training.validation_fraction, training.patience
    kept = training.checkpoint_dir is not None
    return [
        *rules,
        ("lr", _is_real(training.lr) and 0 < training.lr < float("inf"), "a finite number above 0"),
        ("patience", patience is None or is_count(patience), "an integer of at least 1, or None"),
        (
            "validation_fraction",
            fraction is None or (_is_real(fraction) and 0 < fraction < 1),
            "a number between 0 and 1, or None",
        ),
        ("resume", kept or not training.resume, "False where checkpoint_dir is None; set both"),
    ]


def is_count(value: Any, least: int = 1) -> bool:
    """Whether it is an integer of at least `least`."""
    integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return integer and bool(value >= least)


def _is_real(value: Any) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool)
