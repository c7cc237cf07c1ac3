"""The work of a worker: load the model once, score a block, write its result."""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from ctmri_detect._types import StoredArray
from ctmri_detect._warnings import Told, warnings_kept
from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.base.telling import told_later
from ctmri_detect.exceptions import CtmriDetectWarning, InvalidPairsError, MissingModalityError
from ctmri_detect.localization import iter_detect
from ctmri_detect.pairs import Pairs
from ctmri_detect.persistence import load, save
from ctmri_detect.pipelines import last_step, steps_and_last
from ctmri_detect.scoring_runs.folder import Run, RunFolder
from ctmri_detect.validation import PairReader

NUMBERS = ("anomaly_score", "decision", "prediction", "p_value", "seen_in_fit")
REGION = ("modality", "sign", "y", "x", "area_px", "area_mm2", "peak")

_models: dict[str, BaseEstimator] = {}  # the model that this process uses, by its digest
_writing = Lock()


class SharedModel:
    """A fitted model that each process loads only once, for all blocks.

    In the process that made it, it is the estimator itself. When it is first sent to another
    process, it is written to a file; after that, only the name of the file is sent.

    Parameters
    ----------
    estimator : detector, Pipeline or search object
    digest : str
        Digest of the estimator, see `identity.model_digest`.
    path : Path
        The file, if it is needed.
    """

    def __init__(self, estimator: BaseEstimator, digest: str, path: Path) -> None:
        self.digest, self.path = digest, path
        self._checksum = ""
        self._types: list[str] = []
        _models[digest] = estimator

    def get(self) -> BaseEstimator:
        """The estimator; loaded if this process does not have it yet."""
        if self.digest not in _models:
            if hashlib.sha256(self.path.read_bytes()).hexdigest() != self._checksum:
                raise ValueError(
                    f"{self.path} has changed while it was used; expected that only one run at a "
                    "time writes to a folder. Call score_to again."
                )
            _models.clear()
            _models[self.digest] = load(self.path, trusted=self._types)
        return _models[self.digest]

    def drop(self) -> None:
        """Forget the estimator, and remove its file."""
        _models.pop(self.digest, None)
        self.path.unlink(missing_ok=True)

    def __getstate__(self) -> dict[str, Any]:
        with _writing:  # blocks are sent from several threads
            if not self._checksum and self.digest in _models:
                with warnings.catch_warnings():  # about types of other packages: the caller's own
                    warnings.simplefilter("ignore", CtmriDetectWarning)
                    save(_models[self.digest], self.path)
                with zipfile.ZipFile(self.path) as archive:
                    self._types = json.loads(archive.read("manifest.json"))["types"]
                self._checksum = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return vars(self)


def score_block(
    model: SharedModel, X: StoredArray, rows: range, folder: Path, run: Run
) -> tuple[range, Told]:
    """Score X, which are the rows `rows` of all samples, and write the result.

    Returns the rows and the warnings.
    """
    with warnings_kept() as told:
        try:
            arrays = _result(model.get(), X, rows, run)
        except (InvalidPairsError, MissingModalityError) as error:
            raise type(error)(_named(rows, str(error))) from error
    RunFolder(folder).put(rows, arrays)
    return rows, [(category, _named(rows, message)) for category, message in told]


def _named(rows: range, message: str) -> str:
    """The message; if it is about samples, with the rows of the block."""
    if "sample" not in message:
        return message
    counted = ", here numbered from 0" if rows.start else ""
    return f"Samples {rows.start} to {rows.stop - 1}{counted}: {message}"


def look(model: BaseEstimator, X: PairReader) -> None:
    """Let the first step check all samples together, which `score_block` does not do."""
    first = steps_of(model)[:1]
    if first and isinstance(first[0], BasePairedTransformer):
        first[0]._look(X)


def steps_of(model: BaseEstimator) -> list[BaseEstimator]:
    """The steps before the detector; of a FrozenEstimator, the estimator inside."""
    return [last_step(step) for step in steps_and_last(model)[0]]


def _result(
    model: BaseEstimator, X: StoredArray, rows: range, run: Run
) -> dict[str, npt.NDArray[Any]]:
    asked = [*NUMBERS, "regions", *(["anomaly_map"] if run.maps else [])]
    with told_later(steps_of(model), looked=1) as named:
        blocks = list(iter_detect(model, X, include=asked, threshold=run.threshold))
    arrays = {name: np.concatenate([block[name] for block in blocks]) for name in NUMBERS}
    regions = pd.concat([block.regions for block in blocks], ignore_index=True)
    arrays |= _strongest(regions, len(arrays["p_value"]))
    if run.maps:
        arrays["map"] = np.concatenate([block.anomaly_map for block in blocks])
    told = [(step, rows.start + row) for step, found in enumerate(named) for row in found]
    arrays["named"] = np.array(told, dtype=np.int64).reshape(-1, 2)
    if isinstance(X, Pairs) and X.groups is not None:
        arrays["patient"] = X.groups.astype(str)
    return arrays


def _strongest(regions: pd.DataFrame, n: int) -> dict[str, npt.NDArray[Any]]:
    """The strongest region of each sample; NaN, and "" for text, where it has none."""
    first = regions[regions["region"] == 1].set_index("sample").reindex(np.arange(n))
    found = {}
    for name in REGION:
        with suppress(KeyError):  # without spacing there is no area in mm2
            column = first[name]
            text = name in ("modality", "sign")
            found[name] = column.fillna("").to_numpy(str) if text else column.to_numpy(float)
    return found
