"""What was run and on which versions, as lines of text."""

from __future__ import annotations

import platform
from importlib import metadata
from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator

from ctmri_detect import __version__
from ctmri_detect.evaluation.samples import Fold, Samples

_PACKAGES = ("numpy", "scipy", "scikit-learn", "scikit-image", "opencv-python-headless", "torch")


def run_settings(
    detectors: dict[str, Any],
    samples: Samples,
    folds: dict[int, list[Fold]],
    cv: Any,
    preprocessor: BaseEstimator,
) -> dict[str, str]:
    """Name and value of all that is needed to repeat a benchmark."""
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
    settings["Python"] = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    settings["ctmri_detect"] = __version__
    return settings | {name: found for name in _PACKAGES if (found := _version(name))}


def _text(thing: Any) -> str:
    """The repr on one line."""
    return " ".join(repr(thing).split())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
