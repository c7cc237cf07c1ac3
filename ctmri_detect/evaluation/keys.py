"""What the result of a cell depends on, as one digest."""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import numpy as np

import ctmri_detect
from ctmri_detect.evaluation.samples import Samples
from ctmri_detect.validation import check_pairs

VERSIONED = (
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "opencv-python-headless",
    "torch",
    "skorch",
    "pyod",
)
_KNOWN_BY_VERSION = {"builtins", "ctmri_detect", "numpy", "scipy", "sklearn", "torch"} | {
    "skimage",
    "cv2",
    "skorch",
    "pyod",
    "joblib",
}


def digest(parts: Iterable[Any]) -> str:
    """One digest of several parts: equal parts in the same order give equal digests."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(str(part).encode("utf-8", "surrogatepass")).digest())
    return whole.hexdigest()[:32]


def data_digest(samples: Samples) -> str:
    """Digest of the pairs, labels, patients and places of a data set."""
    whole = hashlib.sha256(repr(samples.X.shape).encode())
    for block in check_pairs(samples.X).blocks():
        whole.update(np.ascontiguousarray(block).data)
    about = (samples.target.tolist(), list(map(str, samples.frame["patient"])))
    frame = samples.X.frame
    places = (list(map(str, samples.frame["slice"])), "" if frame is None else frame.to_csv())
    particulars = (samples.X.spacing, samples.X.ct_units, samples.X.modalities, samples.X.roles)
    return digest([whole.hexdigest(), about, *places, joblib.hash(particulars)])


def thing_digest(thing: Any, name: str) -> str:
    """Digest of an estimator or condition: its parameters, and its source if it isn't ours.

    Raises
    ------
    TypeError
        Where it can't be pickled.
    """
    try:
        return digest([joblib.hash(thing), *own_sources(thing)])
    except Exception as error:  # joblib raises PicklingError, AttributeError and others
        raise TypeError(
            f"{name} can't be pickled ({type(error).__name__}: {error}); expected something that "
            "can, so that a store can recognise it. Write functions with def at the top of a "
            "module in place of lambda."
        ) from error


def own_sources(thing: Any) -> Iterator[str]:
    """Source of those classes and functions of an estimator that no version number covers."""
    parameters = thing.get_params(deep=True) if hasattr(thing, "get_params") else {}
    for part in [thing, *(value for _, value in sorted(parameters.items(), key=lambda p: p[0]))]:
        code = part if inspect.isroutine(part) or isinstance(part, type) else type(part)
        for one in getattr(code, "__mro__", (code,)):
            if str(one.__module__).partition(".")[0] not in _KNOWN_BY_VERSION:
                yield _source(one)


def _source(code: Any) -> str:
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):  # written at a prompt, or in C
        return str(getattr(code, "__qualname__", code))


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of Python, of this library (with a digest of its sources) and of its packages."""
    folder = Path(ctmri_detect.__file__).parent
    sources = digest(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    found = {"Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}"}
    found["ctmri_detect"] = f"{ctmri_detect.__version__} (sources {sources[:8]})"
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # an extra that is not installed
            continue
    return found
