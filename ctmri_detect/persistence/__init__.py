"""Save and load fitted detectors and Pipelines, without pickle."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._extras import require
from ctmri_detect.exceptions import UntrustedModelError
from ctmri_detect.persistence._archive import read_archive, write_archive
from ctmri_detect.persistence._manifest import make_manifest, warn_of_versions
from ctmri_detect.persistence._standins import put_back, take_out
from ctmri_detect.persistence.trust import check_types, file_types, type_names, warn_of_strangers

__all__ = ["load", "read_about", "save"]


def save(
    estimator: BaseEstimator,
    path: str | os.PathLike[str],
    *,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a fitted detector, Pipeline or search object to one file.

    The file is a zip archive of a manifest (JSON: versions, types), the estimator (skops) and
    the weights of its networks (safetensors). It is written beside `path` first and then moved,
    so that an interrupted save leaves an older file as it was. `estimator` isn't changed.

    **Protect the file as you protect the images.** By default a detector keeps residual images of
    up to 512 training slices, and small images of them (24 x 24 pixels). So images of training
    patients can be made from the file. After ``rescore(bank="summary")``, it keeps means over
    groups of eight slices or more instead. That costs some accuracy, and does not help an
    `EnsembleDetector` or models that hold features of slices (nearest neighbours, patches).
    docs/guide/save.md says what each file of the library holds. No model holds patient names.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or search object
        Fitted; only a search may be saved before its `fit`. It may have steps of your own; `load`
        then needs their types in `trusted`.
    path : path
        The file, usually ``*.ctmri``; an existing file is replaced.
    about : dict, default=None
        Notes of your own, of plain types (JSON), for `read_about`. Everybody who has the file can
        read them.

    Raises
    ------
    TypeError
        For something that is no estimator, or that holds what can't be saved: a network of another
        library, a lambda. For notes that can't be written as JSON.
    NotFittedError
        Where the estimator is not fitted.
    OSError
        Where the file can't be written.
    ImportError
        Without the extra ``save``.

    References
    ----------
    The formats: https://skops.readthedocs.io, https://huggingface.co/docs/safetensors.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from ctmri_detect import AtlasDetector
    >>> from ctmri_detect.persistence import load, save
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 16, 16))
    >>> detector = AtlasDetector().fit(X, groups=range(20))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(detector, f"{folder}/atlas.ctmri")
    ...     again = load(f"{folder}/atlas.ctmri")
    >>> np.array_equal(again.score_samples(X), detector.score_samples(X))
    True
    """
    skops = require("skops.io", extra="save")
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"save got {type(estimator).__name__}; expected a fitted detector of ctmri_detect, or "
            "a Pipeline or search object around one."
        )
    if not isinstance(estimator, BaseSearchCV):  # an unfitted search may be saved
        check_is_fitted(estimator)
    bare, networks = take_out(estimator)
    buffer = io.BytesIO()
    try:
        skops.dump(bare, buffer)
    except (TypeError, AttributeError, ValueError) as error:
        raise TypeError(
            f"{type(estimator).__name__} holds something that can't be saved: {error} Functions "
            "have to be importable by name; lambdas and open files can't be saved."
        ) from error
    types = file_types(buffer.getvalue())
    warn_of_strangers(types)
    manifest = make_manifest(estimator, types, networks) | {"about": dict(about or {})}
    write_archive(Path(path), manifest, buffer, networks)


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the notes that `save` got as `about`, without loading the model.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    dict
        Empty where there are none.

    Raises
    ------
    ValueError, UntrustedModelError, OSError
        As `load`.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import ThresholdDetector
    >>> from ctmri_detect.persistence import read_about, save
    >>> from ctmri_detect.testing import make_heads
    >>> model = ThresholdDetector().fit(make_heads(24), groups=range(24))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/m.ctmri", about={"scanner": "A"})
    ...     read_about(f"{folder}/m.ctmri")
    {'scanner': 'A'}
    """
    found = read_archive(Path(path))[0].get("about")
    return found if isinstance(found, dict) else {}


def load(path: str | os.PathLike[str], *, trusted: Sequence[str | type] | None = None) -> Any:
    """Read what `save` wrote.

    It never loads a pickle. It loads only types on a list (`persistence.trust.TRUSTED_TYPES`), and
    the estimators of this library and of scikit-learn. So a file can't run its own code. But its
    numbers may be wrong on purpose (weights, thresholds, the nodes of a tree, which scikit-learn
    doesn't check), so use models of people you trust.

    A file has a format version. For a file of an earlier version, the error asks you to fit the
    model again; for a later version, to upgrade the library. You may unpack the file and zip it
    again, compressed or not.

    Networks are loaded to the device that they were fitted on, or to the CPU if it is missing.

    Parameters
    ----------
    path : path
        The file.
    trusted : sequence of str or type, default=None
        Further types that may be loaded, such as a step of your own: the class, or its full name
        as the error gives it. Check what you name here: its code will run.

    Returns
    -------
    estimator
        Equal to the saved one: the same parameters, maps and scores.

    Raises
    ------
    UntrustedModelError
        For types that are not trusted (the message names them), a pickle, or an archive that
        holds what no saved model does, or unpacks to far more than its size. No code of the file
        has run then.
    ValueError
        For a file that is no saved model, is damaged or incomplete, or has another format version.
    OSError
        Where the file can't be read.
    ImportError
        Without the extra ``save``, or the extra that the model needs.

    Warns
    -----
    ModelVersionWarning
        Where this library or scikit-learn (or torch or PyOD, if the model uses them) has another
        version than when the model was saved. One warning names them all.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import ThresholdDetector
    >>> from ctmri_detect.persistence import load, save
    >>> from ctmri_detect.testing import make_heads
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(ThresholdDetector().fit(make_heads(24), groups=range(24)), f"{folder}/m.ctmri")
    ...     load(f"{folder}/m.ctmri")
    ThresholdDetector()
    """
    skops = require("skops.io", extra="save")
    names = type_names(trusted)
    manifest, estimator, weights = read_archive(Path(path))
    if manifest["networks"]:
        require("torch", extra="torch")
        require("safetensors.torch", extra="save")
    holds_pyod = any(name.startswith("pyod.") for name in file_types(estimator))
    if holds_pyod:
        require("pyod", extra="deep")
    allowed = check_types(estimator, names)
    warn_of_versions(manifest, holds_pyod=holds_pyod)
    try:
        with warnings.catch_warnings():  # one warning was given above, for all estimators inside
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            bare = skops.loads(estimator, trusted=allowed)
        loaded = put_back(bare, manifest["networks"], weights)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{path} holds types of the module {error.name!r}, which Python can't find; expected "
            "it to be importable here, as it was where the model was saved. Start Python in its "
            "folder, or put that folder on PYTHONPATH."
        ) from error
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        raise ValueError(
            f"{path} can't be loaded by this version of the library ({type(error).__name__}: "
            f"{error}). Install the versions that its manifest.json names, or fit the model again."
        ) from error
    if not isinstance(loaded, BaseEstimator):
        raise UntrustedModelError(
            f"{path} holds a {type(loaded).__name__}; expected an estimator. Don't use this file."
        )
    return loaded
