"""ConvAutoencoderDetector beyond the common checks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from heads import make_heads, plant
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ParameterGrid

from ctmri_detect import ConvAutoencoderDetector
from ctmri_detect.networks.augmentation import Augmentation
from ctmri_detect.networks.training import Training

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

TRAIN = make_heads(32, seed=1)
PATIENTS = np.repeat(np.arange(8), 4)
SMALL = ConvAutoencoderDetector(
    latent_dim=8,
    channels=(8, 16),
    training=Training(max_epochs=25, batch_size=8, lr=5e-3),
    device="cpu",
    precision="float32",
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
    plain = clone(SMALL).set_params(predict_variance=False)
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
def test_any_shape_with_the_default_network(shape):
    X = np.random.default_rng(0).normal(size=(8, 2, *shape))
    detector = ConvAutoencoderDetector(random_state=0, device="cpu")
    detector.set_params(training__max_epochs=1, channels=(4, 4, 4, 8), latent_dim=2)
    assert detector.fit(X).anomaly_map(X[:2]).shape == (2, *shape)


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
        ({"latent_dim": 0}, "latent_dim is 0"),
        ({"latent_dim": 2.5}, "latent_dim is 2.5"),
        ({"channels": ()}, "channels is"),
        ({"channels": (8, 0)}, "channels is"),
        ({"channels": 8}, "channels is 8"),
        ({"training__lr": -1.0}, "Training's lr is -1.0"),
        ({"training": "long"}, "training is 'long'"),
        ({"precision": "double"}, "precision is 'double'"),
        ({"device": "nowhere"}, "device is 'nowhere'"),
    ],
)
def test_bad_parameters_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        clone(SMALL).set_params(**bad).fit(TRAIN)
