"""The manifest of a saved model: format, versions, types, networks."""

from __future__ import annotations

import json
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sklearn.base import BaseEstimator

import ctmri_detect
from ctmri_detect.exceptions import ModelVersionWarning
from ctmri_detect.persistence._networks import describe

FORMAT = "ctmri_detect model"
FORMAT_VERSION = 6  # raise it whenever parameters or fitted attributes of an estimator change
_READ = (5, 6)  # in 5, the reference bank was saved as it is in memory
_PACKAGES = ("numpy", "scikit-learn", "torch", "pyod", "skops", "safetensors")


def make_manifest(
    estimator: BaseEstimator, types: list[str], networks: dict[str, Any]
) -> dict[str, Any]:
    """The manifest of an estimator about to be saved."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "estimator": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "versions": _versions(),
        "types": types,
        "networks": {member: describe(network) for member, network in networks.items()},
    }


def check_manifest(text: bytes, path: str) -> dict[str, Any]:
    """Parse a manifest; raise a ValueError where this version can't read the file."""
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{path} has a manifest that isn't JSON: {error}. Save it again."
        ) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(
            f"{path} has a manifest of another program; expected a file written by "
            "ctmri_detect.persistence.save. Check the path."
        )
    number, versions = manifest.get("format_version"), manifest.get("versions")
    if not isinstance(number, int) or not isinstance(versions, dict):
        raise ValueError(f"{path} has an incomplete manifest. Save the model again.")
    if number not in _READ:
        raise ValueError(
            f"{path} was saved by {'an earlier' if number < FORMAT_VERSION else 'a later'} version "
            f"of ctmri_detect, in format version {number}; this version reads format version "
            f"{FORMAT_VERSION}. {_cure(number)}"
        )
    if not isinstance(manifest.get("networks"), dict):
        raise ValueError(f"{path} has an incomplete manifest. Save the model again.")
    return manifest


def _cure(number: int) -> str:
    if number > FORMAT_VERSION:
        return "Run: pip install --upgrade ctmri_detect"
    return (
        "The fitted parts of models have changed since. Fit the model again and save it, or load "
        "it with the version that saved it."
    )


def warn_of_versions(manifest: dict[str, Any], *, holds_pyod: bool) -> None:
    """Warn where packages whose objects are in the file have changed since."""
    watched = {"ctmri_detect": True, "scikit-learn": True}
    watched |= {"torch": bool(manifest["networks"]), "pyod": holds_pyod}
    then, here = manifest["versions"], _versions()
    changed = [
        f"{name} {then.get(name, 'of unknown version')} (here {here[name]})"
        for name, matters in watched.items()
        if matters and name in here and _public(then.get(name)) != _public(here[name])
    ]
    if changed:
        warnings.warn(
            f"The model was saved with {' and '.join(changed)}. Its scores may differ: compare "
            "them on known pairs, or install the versions it was saved with.",
            ModelVersionWarning,
            stacklevel=3,
        )


def _versions() -> dict[str, str]:
    found = {"ctmri_detect": ctmri_detect.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _public(number: Any) -> str:
    """Without the local part: 2.13.0+cpu and 2.13.0+cu128 are the same networks."""
    return str(number).split("+")[0]
