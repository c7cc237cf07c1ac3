"""One, three and eight planes: every family that allows it fits, scores and explains."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_array_equal
from sklearn.base import clone

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    EnsembleDetector,
    Pairs,
    PatchMemoryDetector,
    SyntheticAnomalyDetector,
    ThresholdDetector,
)
from ctmri_detect.features import FeatureConditioning, FilterBankFeatures
from ctmri_detect.networks.training.settings import Training

pytest.importorskip("torch")

NAMES = ("CT", "T1", "FLAIR", "PET", "T2", "PD", "SWI", "T1CE")
PATIENTS = np.arange(24) // 2
SEEDED = {"device": "cpu", "random_state": 0}
BRIEF = Training(max_epochs=1, batch_size=16, lr=2e-3, augmentation="default")
CONDITIONING = FeatureConditioning(
    n_cells=500, training=Training(max_epochs=1, batch_size=250, lr=3e-3)
)
FILTERS = {"features": FilterBankFeatures(), "random_state": 0}
DETECTORS = {
    "threshold": ThresholdDetector(),
    "atlas": AtlasDetector(),
    "denoising": ConvAutoencoderDetector(channels=(4, 8), training=BRIEF, **SEEDED),
    "deep features": DeepFeatureDetector(conditioning=CONDITIONING, **FILTERS),
    "patch memory": PatchMemoryDetector(conditioning=CONDITIONING, **FILTERS),
    "synthetic": SyntheticAnomalyDetector(
        channels="planes", stages=1, copies=1, hidden=(8,), **SEEDED
    ),
    "ensemble": EnsembleDetector(
        [AtlasDetector(), CrossModalDetector(evidence=("within",))], weights="calibrated"
    ),
}
SLOW = {"patch memory": (3,), "deep features": (3,)}
MANY = ("synthetic", "ensemble")
CASES = [
    (name, n) for name in DETECTORS for n in SLOW.get(name, (3, 8) if name in MANY else (1, 3, 8))
]


@lru_cache
def heads(n_planes, n=24, seed=0):
    pairs = make_heads(n, seed=seed)
    noise = np.random.default_rng(seed).normal(size=(n, n_planes, 32, 32))
    return (pairs[:, np.arange(n_planes) % 2] + 0.02 * noise).astype(np.float32)


@lru_cache
def fitted(name, n_planes):
    X = Pairs(heads(n_planes), groups=PATIENTS, modalities=NAMES[:n_planes])
    return clone(DETECTORS[name]).set_params(**_rates(DETECTORS[name])).fit(X)


def _rates(detector):
    if isinstance(detector, EnsembleDetector):
        return {"false_positive_rate": 0.2}
    return {"map_scoring__false_positive_rate": 0.2}


@pytest.mark.parametrize(("name", "n"), CASES)
def test_it_scores_and_explains_new_slices(name, n):
    model, new = fitted(name, n), heads(n, 6, seed=5)
    assert np.isfinite(model.decision_function(new)).all()
    assert_array_equal(np.isnan(model.anomaly_map(new)), np.isnan(new).all(axis=1))
    assert_array_equal(model.predict(new) == -1, model.p_values(new) <= 0.2)
    odd = plant(new[0], n - 1, amount=3, at=(18, 10), radius=6)[0][None]
    assert model.score_samples(odd)[0] < model.score_samples(new[:1])[0]
    assert set(model.explain(odd).regions.modality) <= set(NAMES[:n])
