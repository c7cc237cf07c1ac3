"""ConvAutoencoderDetector beyond the common checks."""

from __future__ import annotations

import pickle
from copy import deepcopy

import numpy as np
import pytest
from heads import make_heads, plant
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import make_pipeline

from ctmri_detect import ConvAutoencoderDetector
from ctmri_detect.augmentation.augmentation import Augmentation
from ctmri_detect.detectors.autoencoder.presets import autoencoder_preset
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.persistence import load, save

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

OBJECTIVES = ("denoising", "plain", "uncertainty", "variational")
TRAIN = make_heads(32, seed=1)
PATIENTS = np.repeat(np.arange(8), 4)
SMALL = ConvAutoencoderDetector(
    objective="uncertainty",
    latent_dim=8,
    channels=(8, 16),
    training=Training(max_epochs=25, batch_size=8, lr=5e-3, precision="float32"),
    device="cpu",
    random_state=0,
)


@pytest.fixture(scope="module")
def fitted():
    return clone(SMALL).fit(TRAIN, groups=PATIENTS)


def test_training_lowers_the_loss_and_is_recorded(fitted):
    history = fitted.history_
    assert history["epoch"].tolist() == list(range(1, 26))
    early = history["train_loss"].iloc[:7]  # the squared error, before the likelihood takes over
    assert early.iloc[-1] < 0.7 * early.iloc[0]
    assert fitted.training_ is not SMALL.training
    assert fitted.device_ == "cpu"


def test_lesions_of_either_plane_and_sign_are_found(fitted):
    test = make_heads(24, seed=3)
    for modality in (0, 1):
        for amount in (-0.6, 0.6):
            odd = np.stack([plant(p, modality, amount=amount, at=(16, 9))[0] for p in test[:12]])
            scores = fitted.score_samples(np.concatenate([odd, test[12:]]))
            assert roc_auc_score(np.arange(24) < 12, -scores) > 0.9
            disc = plant(test[0], modality, at=(16, 9))[1] & ~np.isnan(test[0, 0])
            middle = np.median(fitted.residual_map(odd[:1])[0, modality][disc])
            assert np.sign(middle) == np.sign(amount)


def test_same_seed_same_maps_other_seed_other_maps(fitted):
    first = fitted.residual_map(TRAIN[:2])
    again = clone(SMALL).fit(TRAIN, groups=PATIENTS).residual_map(TRAIN[:2])
    other = clone(SMALL).set_params(random_state=1).fit(TRAIN, groups=PATIENTS)
    np.testing.assert_array_equal(first, again)
    assert np.nanmax(np.abs(first - other.residual_map(TRAIN[:2]))) > 0.01


def test_augmentation_varies_the_training_and_never_a_score(monkeypatch):
    detector = clone(SMALL).set_params(training__max_epochs=1)
    plain = detector.fit(TRAIN, groups=PATIENTS).score_samples(TRAIN[:4])
    detector.set_params(training__augmentation="default").fit(TRAIN, groups=PATIENTS)
    scores = detector.score_samples(TRAIN[:4])
    assert not np.array_equal(scores, plain)

    def draw(*_):
        raise AssertionError

    monkeypatch.setattr(Augmentation, "draw", draw)
    np.testing.assert_array_equal(detector.score_samples(TRAIN[:4]), scores)
    for scored in (detector.anomaly_map, detector.residual_map, detector.predict):
        scored(TRAIN[:4])
    with pytest.raises(AssertionError):
        detector.fit(TRAIN, groups=PATIENTS)


def test_without_variance_the_residual_is_a_difference_in_units_of_x():
    plain = clone(SMALL).set_params(objective="plain")
    a = plain.fit(TRAIN, groups=PATIENTS).residual_map(TRAIN[:4])
    scaled = TRAIN * np.array([100, 1], np.float32).reshape(1, 2, 1, 1)
    b = clone(plain).fit(scaled, groups=PATIENTS).residual_map(scaled[:4])
    np.testing.assert_allclose(b[:, 0], 100 * a[:, 0], atol=0.1 * np.nanstd(100 * a[:, 0]))
    np.testing.assert_allclose(b[:, 1], a[:, 1], atol=0.1 * np.nanstd(a[:, 1]))


def test_standardised_residuals_do_not_depend_on_units(fitted):
    scaled = TRAIN * np.float32(80) - np.float32(20)
    other = clone(SMALL).fit(scaled, groups=PATIENTS).residual_map(scaled[:4])
    expected = fitted.residual_map(TRAIN[:4])
    np.testing.assert_allclose(other, expected, atol=0.2 * np.nanstd(expected))


def test_one_plane_is_predicted_alone(fitted):
    half = TRAIN[:4].copy()
    half[:, 0] = np.nan
    residual = fitted.residual_map(half)
    assert np.isnan(residual[:, 0]).all()
    both = fitted.residual_map(TRAIN[:4])[:, 1]
    assert np.nanstd(residual[:, 1]) < 3 * np.nanstd(both)


def test_a_modality_that_no_one_has_is_no_obstacle():
    X = TRAIN.copy()
    X[:, 1] = np.nan
    detector = clone(SMALL).set_params(training__max_epochs=1).fit(X, groups=PATIENTS)
    assert np.isfinite(detector.score_samples(X[:3])).all()


@pytest.mark.parametrize("shape", [(8, 8), (9, 14), (20, 33)])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_any_shape_with_any_network(shape, objective):
    X = np.random.default_rng(0).normal(size=(8, 2, *shape))
    detector = ConvAutoencoderDetector(objective, random_state=0, device="cpu")
    detector.set_params(training__max_epochs=1, channels=(4, 4, 4, 8), latent_dim=2)
    assert detector.fit(X).anomaly_map(X[:2]).shape == (2, *shape)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_finds_lesions_saves_and_scores_a_sample_alone(objective, tmp_path):
    detector = clone(SMALL).set_params(objective=objective).fit(TRAIN, groups=PATIENTS)
    test = make_heads(24, seed=3)
    odd = np.stack([plant(p, 1, amount=0.8, at=(16, 9))[0] for p in test[:12]])
    pairs = np.concatenate([odd, test[12:]])
    scores = detector.score_samples(pairs)
    assert roc_auc_score(np.arange(24) < 12, -scores) > 0.85
    np.testing.assert_allclose(detector.score_samples(pairs[7:8]), scores[7:8], rtol=1e-4)
    save(detector, tmp_path / "model.ctmri")
    np.testing.assert_array_equal(load(tmp_path / "model.ctmri").score_samples(pairs), scores)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_latent_features_feed_any_detector(objective):
    pipe = make_pipeline(clone(SMALL).set_params(objective=objective), IsolationForest())
    pipe.fit(TRAIN)
    features = pipe[0].transform(TRAIN)
    assert features.shape == (32, 16 if objective == "denoising" else 8)
    assert np.isfinite(features).all()
    assert np.ptp(features, axis=0).min() > 0
    np.testing.assert_allclose(pipe[0].transform(TRAIN[5:6]), features[5:6], rtol=1e-4, atol=1e-5)
    assert pipe.score_samples(TRAIN).shape == (32,)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_codes_are_the_bottleneck_or_a_grid_whose_mean_it_is(objective):
    detector = clone(SMALL).set_params(objective=objective, training__max_epochs=1)
    detector.fit(TRAIN, groups=PATIENTS)
    codes, features = detector.encode(TRAIN), detector.transform(TRAIN)
    if objective == "denoising":
        assert codes.shape == (32, 16, 16, 16)
        codes = codes.mean(axis=(2, 3))
    np.testing.assert_allclose(codes, features, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("objective", ["denoising", "variational"])
def test_features_of_any_depth_are_a_grid(objective):
    detector = clone(SMALL).set_params(objective=objective, training__max_epochs=1)
    pairs = TRAIN[:, :, :27, :30]
    detector.set_params(channels=(4, 6, 8)).fit(pairs, groups=PATIENTS)
    assert detector.encode(pairs, depth=1).shape[2:] == (14, 15)
    assert detector.encode(pairs, depth=2).shape[2:] == (7, 8)
    with pytest.raises(ValueError, match=r"depth is 4, but the encoder halves the image [23] time"):
        detector.encode(pairs, depth=4)
    with pytest.raises(ValueError, match=r"depth is 0; expected an integer of at least 1"):
        detector.encode(pairs, depth=0)


def test_ssim_is_blind_to_nothing_and_signed():
    detector = clone(SMALL).set_params(residual="ssim").fit(TRAIN, groups=PATIENTS)
    odd, disc = plant(TRAIN[0], 1, amount=0.8, at=(16, 9))
    residual = detector.residual_map(np.stack([TRAIN[0], odd]))
    seen = disc & ~np.isnan(odd[1])
    assert np.nanmax(np.abs(residual)) <= 2
    assert np.median(residual[1, 1][seen]) > np.median(np.abs(residual[0, 1][seen]))


def test_warm_start_goes_on_where_the_last_fit_ended(tmp_path):
    twice = clone(SMALL).set_params(
        warm_start=True, training__max_epochs=5, training__schedule=None
    )
    first = twice.fit(TRAIN, groups=PATIENTS).history_["train_loss"].tolist()
    second = twice.fit(TRAIN, groups=PATIENTS).history_
    assert second["epoch"].tolist() == list(range(1, 11))
    assert second["train_loss"].iloc[:5].tolist() == first
    save(twice, tmp_path / "model.ctmri")
    np.testing.assert_array_equal(
        load(tmp_path / "model.ctmri").residual_map(TRAIN[:2]), twice.residual_map(TRAIN[:2])
    )
    cold = clone(twice).set_params(warm_start=False).fit(TRAIN, groups=PATIENTS)
    assert len(cold.history_) == 5
    assert cold.history_["train_loss"].tolist() == first


def test_warm_start_is_refused_where_it_would_flatter_or_differ():
    few = clone(SMALL).set_params(warm_start=True, training__max_epochs=1)
    few.fit(TRAIN, groups=PATIENTS)
    with pytest.raises(ValueError, match="4 patients"):
        few.fit(TRAIN[:16], groups=PATIENTS[:16])
    with pytest.raises(ValueError, match="settings"):
        few.set_params(latent_dim=4).fit(TRAIN, groups=PATIENTS)


def test_a_warm_start_leaves_the_global_generators_alone():
    detector = clone(SMALL).set_params(warm_start=True, training__max_epochs=1)
    detector.fit(TRAIN, groups=PATIENTS)
    before = torch.get_rng_state()
    detector.fit(TRAIN, groups=PATIENTS)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name != "denoising" else [])
        for name in OBJECTIVES
    ],
)
def test_onnxruntime_draws_the_same_maps(objective, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    detector = clone(SMALL).set_params(objective=objective, training__max_epochs=2)
    detector.fit(TRAIN, groups=PATIENTS)
    pairs = TRAIN[:5].copy()
    pairs[3, 0] = np.nan
    expected = detector.anomaly_map(pairs)
    detector.export_onnx(tmp_path / "network.onnx")
    session = runtime.InferenceSession(tmp_path / "network.onnx")
    mean, log_variance = session.run(None, {"pairs": pairs})
    assert mean.shape == log_variance.shape == pairs.shape
    detector.set_params(engine="onnxruntime")
    np.testing.assert_allclose(detector.anomaly_map(pairs), expected, atol=1e-4)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(detector)).anomaly_map(pairs), expected,
                               atol=1e-4)  # fmt: skip


def test_constant_pairs_and_fewer_than_a_batch_are_no_obstacle():
    X = np.full((9, 2, 16, 16), 3.0)
    detector = clone(SMALL).set_params(training__max_epochs=1, training__batch_size=64)
    assert np.isfinite(detector.fit(X).score_samples(X[:2])).all()
    assert not np.nanmax(detector.anomaly_map(X[:2])) > 6


def test_the_first_design_is_a_preset_and_an_unknown_one_is_named():
    detector = ConvAutoencoderDetector(**autoencoder_preset("first-design"))
    assert (detector.latent_dim, detector.training.batch_size) == (128, 16)
    detector.set_params(channels=(4, 8), training__max_epochs=1, device="cpu")
    assert detector.fit(TRAIN, groups=PATIENTS).anomaly_map(TRAIN[:1]).shape == (1, 32, 32)
    with pytest.raises(ValueError, match="first-design"):
        autoencoder_preset("second")


def test_training_is_reached_by_a_search_and_stays_unfitted():
    detector = ConvAutoencoderDetector()
    for params in ParameterGrid({"training__max_epochs": [1, 2], "training__lr": [1e-3]}):
        assert (
            clone(detector).set_params(**params).training.max_epochs
            == params["training__max_epochs"]
        )
    assert detector.training is None


def test_a_fit_on_cuda_pickles_for_a_cpu(fitted, monkeypatch):
    copy = pickle.loads(pickle.dumps(fitted))
    copy.device_ = "cuda"  # as a CUDA fit leaves it
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    back = pickle.loads(pickle.dumps(copy))
    assert back.device_ == "cpu"
    np.testing.assert_array_equal(back.residual_map(TRAIN[:2]), fitted.residual_map(TRAIN[:2]))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"objective": "magic"}, "objective is 'magic'"),
        ({"residual": "square"}, "residual is 'square'"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"beta": -1.0}, "beta is -1.0"),
        ({"engine": "abacus"}, "engine is 'abacus'"),
        ({"predict_variance": False}, 'take objective="plain"'),
        ({"objective": "plain", "residual": "standardised"}, "no variance is predicted"),
        ({"latent_dim": 0}, "latent_dim is 0"),
        ({"latent_dim": 2.5}, "latent_dim is 2.5"),
        ({"channels": ()}, "channels is"),
        ({"channels": (8, 0)}, "channels is"),
        ({"channels": 8}, "channels is 8"),
        ({"training__lr": -1.0}, "Training's lr is -1.0"),
        ({"training": "long"}, "training is 'long'"),
        (
            {"training__resume": True, "training__checkpoint_dir": "x", "random_state": None},
            "random_state is None",
        ),
        ({"device": "nowhere"}, "device is 'nowhere'"),
    ],
)
def test_bad_parameters_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        clone(SMALL).set_params(**bad).fit(TRAIN)


def test_a_residual_is_the_image_minus_its_reconstruction(fitted):
    test = make_heads(5, seed=3)
    test[1, 0] = np.nan
    rebuilt = fitted.reconstruct(test)
    assert rebuilt.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(rebuilt), np.isnan(test))
    plain = deepcopy(fitted).set_params(residual="difference")
    np.testing.assert_allclose(plain.residual_map(test), test - rebuilt, atol=1e-5)
    error = np.nanmean((test - rebuilt) ** 2, axis=(0, 2, 3))
    assert (error < 0.5 * np.nanvar(test, axis=(0, 2, 3))).all()
