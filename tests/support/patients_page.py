"""Scored patients of simple heads: a lesion on the patient's left, which is on the right."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect import Pairs
from ctmri_detect.scoring import region_table

SHAPE = (40, 48)
LESION = (slice(10, 16), slice(30, 38))


def scored(n_patients=3, n_slices=2, *, hu=True, mri=True, names=None, more=()):
    """Pairs, and what a detector that finds their lesions would give.

    Every slice is a little brighter than the one before; the lesion, in the last slice of each
    patient, is 70 HU in a head of 30 and more. The first patient and the last slice of each have
    the highest scores. `more` are names of further planes, all like the MRI.
    """
    n = n_patients * n_slices
    X = np.full((n, 2, *SHAPE), -1000.0, np.float32)
    X[:, 1] = 0
    z = np.zeros((n, 2, *SHAPE), np.float32)
    for i in range(n):
        X[i, 0, 4:36, 6:42] = 30 + i % n_slices
        X[i, 1, 4:36, 6:42] = 300 + np.arange(36)
        if i % n_slices == n_slices - 1:
            X[i, 0][LESION] = 70
            z[i, 0][LESION] = 6
    X[:, 0, 4:5, 6:42] = 1000  # bone
    maps = np.where(X[:, 0] > 0, z.max(axis=1), np.nan)
    if not mri:
        X[:, 1] = np.nan
    score = 10.0 * (n_patients - np.arange(n) // n_slices) + np.arange(n) % n_slices
    patient = [f"p{i}" for i in range(n_patients)] if names is None else names
    X = np.concatenate([X if hu else np.clip(X, 0, 100) / 100, *[X[:, 1:]] * len(more)], axis=1)
    pairs = Pairs(
        X,
        modalities=("CT", "MRI", *more),
        groups=np.repeat(patient, n_slices),
        spacing=2.0,
        ct_units="hu" if hu else None,
        frame=pd.DataFrame({"z_mm": 5.0 * (np.arange(n) % n_slices)}),
    )
    found = Bunch(
        anomaly_score=score,
        p_value=1 / (1 + score),
        prediction=np.where(score > 15, -1, 1),
        anomaly_map=maps.astype(np.float32),
        regions=region_table(z, spacing=2.0, modalities=("CT", "MRI")),
    )
    return found, pairs
