"""A detector that writes down which samples each fit saw, and of which patients."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import numpy as np

from ctmri_detect import MapScoring
from ctmri_detect.base import BasePairedDetector


class Recorder(BasePairedDetector):
    """Writes a file for each fit of its model, from any process.

    Parameters
    ----------
    folder : path
        Where the files go.
    amount : float, default=1.0
        Something to search over.
    """

    def __init__(self, folder, amount=1.0, map_scoring=None):
        self.folder, self.amount, self.map_scoring = folder, amount, map_scoring

    def _default_map_scoring(self):
        return MapScoring(reference=None, symmetry=False, false_positive_rate=0.3)

    def _fit(self, X):
        marks = [float(np.nanmedian(pair[0])) for block in X.blocks() for pair in block]
        seen = {"marks": marks, "patients": np.asarray(X.groups).tolist()}
        (Path(self.folder) / f"{uuid4().hex}.json").write_text(json.dumps(seen))

    def _residual(self, X):
        return X * np.float32(self.amount)


def mean_score(estimator, X, y=None):
    """A scorer that other processes can import."""
    return float(estimator.score_samples(X).mean())


def records(folder):
    """Marks of the samples and codes of their patients, a tuple a fit."""
    found = [json.loads(path.read_text()) for path in Path(folder).glob("*.json")]
    return [(one["marks"], one["patients"]) for one in found]
