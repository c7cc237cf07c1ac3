"""What was run and on which versions, as lines of text."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator

from ctmri_detect.evaluation.keys import versions
from ctmri_detect.evaluation.pseudonyms import PSEUDONYMS, without_names
from ctmri_detect.evaluation.samples import Fold, Samples

NAMES = "Names of patients"


def run_settings(
    detectors: dict[str, Any],
    samples: Samples,
    folds: dict[int, list[Fold]],
    cv: Any,
    preprocessor: BaseEstimator,
    n_threads: int,
    hidden: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Names and values of all settings that repeat a benchmark, without the hidden names."""
    n_folds = len(next(iter(folds.values())))
    default = "NormalOnlyGroupKFold, patients shuffled by the seed"
    splitter = default if cv is None or isinstance(cv, Integral) else _text(cv)
    shape = " x ".join(map(str, samples.X.shape[2:]))
    settings = {
        "Samples": f"{len(samples.X)} pairs of {shape} pixels",
        "Patients": str(samples.frame["patient"].nunique()),
        "Folds": f"{n_folds} ({splitter})",
        "Seeds": ", ".join(map(str, folds)),
        "Preprocessing": "none in common" if preprocessor is None else _text(preprocessor),
    }
    settings |= {f"Detector {name}": _text(each) for name, each in detectors.items()}
    settings = {name: without_names(value, hidden) for name, value in settings.items()}
    if hidden:
        settings[NAMES] = PSEUDONYMS
    return settings | {"Threads": str(n_threads)} | versions()


def _text(thing: Any) -> str:
    """The repr on one line."""
    return " ".join(repr(thing).split())
