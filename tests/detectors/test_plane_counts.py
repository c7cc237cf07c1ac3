"""One, three and eight planes: every family that allows it fits, scores, explains, is kept."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
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
from ctmri_detect.persistence import load, save

pytest.importorskip("torch")

NAMES = ("CT", "T1", "FLAIR", "PET", "T2", "PD", "SWI", "T1CE")
PATIENTS = np.arange(24) // 2
SEEDED = {"device": "cpu", "random_state": 0}
BRIEF = Training(max_epochs=1, batch_size=16, lr=2e-3, augmentation="default")
CONDITIONING = FeatureConditioning(
    n_cells=500, training=Training(max_epochs=1, batch_size=250, lr=3e-3)
)
FILTERS = {"features": FilterBankFeatures(), "random_state": 0}
SMALL = {"pixels_per_slice": 32, **SEEDED}
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
    "within": CrossModalDetector(evidence=("within",)),
    "cross-modal": CrossModalDetector(**SMALL),
    "with symmetry": CrossModalDetector(evidence=("mismatch", "symmetry"), **SMALL),
}
NEED_TWO = ("cross-modal", "with symmetry")
EIGHT = ("atlas", "ensemble", "within")
CASES = [
    (name, n)
    for name in DETECTORS
    for n in (1, 3, 8)
    if (n == 3 or (n == 1 and name not in NEED_TWO) or (n == 8 and name in EIGHT))
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
    scores = model.score_samples(np.concatenate([odd, new[:1]]))
    assert scores[0] < scores[1] or scores[0] == -(model.map_scoring_.clip**2)  # it can't be lower
    assert set(model.explain(odd).regions.modality) <= set(NAMES[:n])


@pytest.mark.parametrize(("name", "n"), [case for case in CASES if case[1] > 1])
def test_any_planes_may_be_missing(name, n):
    model, new = fitted(name, n), heads(n, 6, seed=5)
    if not model.traits.missing_modality:
        pytest.skip("it says that it needs all planes")
    for row, lost in enumerate(([0], [1, 2], list(range(1, n)))):
        new = new.copy()
        new[row, lost] = np.nan
    assert np.isfinite(model.decision_function(new)).all()
    assert_allclose(
        model.decision_function(new)[3:],
        model.decision_function(heads(n, 6, seed=5))[3:],
        atol=1e-4,
    )


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", ["denoising", "deep features", "cross-modal", "synthetic"])
def test_a_saved_model_scores_the_same(name, n, tmp_path):
    if (name, n) not in CASES:
        pytest.skip("one plane can't be predicted from another")
    model, new = fitted(name, n), heads(n, 6, seed=5)
    save(model, tmp_path / "model.zip")
    again = load(tmp_path / "model.zip")
    assert_array_equal(again.decision_function(new), model.decision_function(new))
    assert again.modalities_ == NAMES[:n]


@pytest.mark.parametrize("n", [1, 3])
def test_onnx_takes_the_planes_of_the_fit(n, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model, new = fitted("denoising", n), heads(n, 6, seed=5)
    model.export_onnx(tmp_path / "network.onnx")
    session = runtime.InferenceSession(tmp_path / "network.onnx")
    mean, _ = session.run(None, {"pairs": new})
    assert mean.shape == new.shape
    expected = model.anomaly_map(new)
    model.set_params(engine="onnxruntime")
    try:
        assert_allclose(model.anomaly_map(new), expected, atol=1e-4)
    finally:
        model.set_params(engine="torch")


def test_a_plane_without_partners_is_judged_by_its_place():
    model, alone = fitted("cross-modal", 3), heads(3, 6, seed=5).copy()
    alone[:, [0, 2]] = np.nan
    seen = ~np.isnan(alone[:, 1])
    within = (alone[:, 1] - model.mean_[1]) / model.sd_[1]
    assert_allclose(model.residual_map(alone)[:, 1][seen], within[seen], rtol=1e-4, atol=1e-4)


def test_what_needs_another_plane_says_so():
    for evidence in (("mismatch",), ("mismatch", "within")):
        with pytest.raises(ValueError, match=r"one plane.*evidence=\('within',\)"):
            CrossModalDetector(evidence=evidence).fit(heads(1), groups=PATIENTS)


def test_the_time_of_many_planes_is_in_proportion_to_them():
    """Weights say it: their number is in proportion to that of the planes."""
    sizes = {}
    for n in (3, 5):
        (regressor,) = fitted("cross-modal", n).predictor_.regressors_
        sizes[n] = sum(weights.numel() for weights in regressor.network_.parameters())
    assert sizes[5] / sizes[3] == pytest.approx(5 / 3)
