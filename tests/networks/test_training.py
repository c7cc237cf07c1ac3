"""Training settings, and the function that trains a network with them."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from heads import make_heads, plant
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ParameterGrid

from ctmri_detect import ConvAutoencoderDetector, networks
from ctmri_detect.augmentation.augmentation import Augmentation, no_augmentation
from ctmri_detect.networks import isolated_generators
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training

torch = pytest.importorskip("torch")
Callback = pytest.importorskip("skorch.callbacks").Callback

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0], [0.5]], np.float32)


def squared(out, target, progress):
    return ((out - target) ** 2).mean()


def linear(seed=0, n=3):
    with isolated_generators(seed):
        return torch.nn.Linear(n, 1)


def train(data=(X, Y), loss=squared, module=None, *, seed=0, groups=None, **settings):
    module = linear() if module is None else module
    training = Training(**{"max_epochs": 5, "lr": 0.05, "precision": "float32"} | settings)
    kwargs = {"device": "cpu"}
    history = fit_network(module, data, loss, training, random_state=seed, groups=groups, **kwargs)
    return module, history


def weights(module):
    return np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])


def test_settings_are_remembered_and_cloned():
    training = Training(max_epochs=3, callbacks=None, checkpoint_dir="there", resume=True)
    assert clone(training).get_params() == training.get_params()
    assert Training(max_epochs="nonsense").max_epochs == "nonsense"  # only fitting checks


def test_the_settings_load_no_torch():
    code = (
        "from ctmri_detect.networks.training import Training, fit_network; import sys; "
        "print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_both_packages_have_the_settings_and_the_function():
    for name in ("Training", "fit_network"):
        assert getattr(networks, name) is getattr(networks.training, name)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("schedule", ["onecycle", None])
def test_training_lowers_the_loss(optimizer, schedule):
    _, history = train(optimizer=optimizer, schedule=schedule, max_epochs=10, lr=0.03)
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert history["epoch"].tolist() == list(range(1, 11))


def test_same_seed_same_weights_other_seed_other_weights():
    first, again, other = (weights(train(seed=s)[0]) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6


def test_global_generators_and_threads_are_left_alone():
    before = np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state()
    threads = torch.get_num_threads()
    train()
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert random.getstate() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.get_num_threads() == threads


def test_generators_come_back_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="here"), isolated_generators(3):
        raise RuntimeError("here")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("n", [1, 2, 3, 17])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_any_number_of_samples_trains(n, batch_size):
    _, history = train((X[:n], Y[:n]), max_epochs=1, batch_size=batch_size)
    assert np.isfinite(history["train_loss"]).all()


def test_arrays_pairs_and_datasets_mean_the_same():
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    np.testing.assert_allclose(weights(train(dataset)[0]), weights(train((X, Y))[0]), rtol=1e-5)
    own = train(Y, module=linear(n=1), max_epochs=20)[1]  # an array is its own target
    assert own["train_loss"].iloc[-1] < own["train_loss"].iloc[0]
    with pytest.raises(ValueError, match="60 inputs and 59 targets"):
        train((X, Y[:-1]))


def test_progress_goes_from_0_to_1_and_validation_sees_the_end():
    seen = []

    def loss(out, target, progress):
        seen.append((out.requires_grad, progress))
        return squared(out, target, progress)

    train(loss=loss, max_epochs=4, batch_size=12, patience=9)
    trained = [p for grad, p in seen if grad]
    np.testing.assert_allclose(trained, np.arange(16) / 16)  # 48 of 60 samples, 4 steps an epoch
    assert {p for grad, p in seen if not grad} == {1.0}


def test_patience_stops_on_other_patients_and_keeps_the_best():
    groups = np.repeat(np.arange(10), 6)
    seen = set()

    def loss(out, target, progress):
        if out.requires_grad:
            seen.update(np.round(target.numpy().ravel(), 5).tolist())
        return squared(out, target, progress)

    settings = {"max_epochs": 200, "schedule": None, "patience": 3, "lr": 0.3}
    module, history = train(loss=loss, groups=groups, **settings)
    assert len(history) < 200
    held = groups % 5 == 4
    assert not seen & set(np.round(Y[held].ravel(), 5).tolist())
    with torch.inference_mode():
        out = module(torch.from_numpy(X[held]))
    final = squared(out, torch.from_numpy(Y[held]), 1).item()
    assert final == pytest.approx(history["valid_loss"].min(), rel=1e-4)


def test_patience_needs_two_patients():
    with pytest.raises(ValueError, match="only one patient"):
        train(patience=2, groups=np.zeros(60))
    with pytest.raises(ValueError, match="only one patient"):
        train((X[:1], Y[:1]), patience=2)


def test_flips_mirror_inputs_and_targets_alike():
    images = np.random.default_rng(1).normal(size=(20, 1, 4, 6)).astype(np.float32)
    seen = []

    def loss(out, target, progress):
        seen.append(target.numpy().copy())
        return ((out - 0 * target) ** 2).mean()

    train(images, loss, torch.nn.Conv2d(1, 1, 1), augmentation="flip", max_epochs=1, batch_size=20)
    plain = {x.tobytes() for x in images}
    mirrored = {np.ascontiguousarray(x[..., ::-1]).tobytes() for x in images}
    kinds = [(x.tobytes() in plain, x.tobytes() in mirrored) for x in seen[0]]
    assert all(any(kind) for kind in kinds)
    assert 0 < sum(kind[1] for kind in kinds) < 20
    with pytest.raises(ValueError, match="no images"):
        train(augmentation="flip")


PAIRS = make_heads(20, size=12)
STRONG = Augmentation(rotation=20, noise=0.5, modality_dropout=0.5)


class Recorder(torch.nn.Module):
    """Rebuilds nothing, and keeps what it was shown."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.zeros(1))
        self.shown, self.targets = [], []

    def forward(self, x):
        """A number that has a gradient."""
        self.shown.append((self.training, x.numpy().copy()))
        return self.gain

    def loss(self, out, target, progress):
        """Nothing to learn."""
        self.targets.append(target.numpy().copy())
        return (out**2).sum()


def shown(data=PAIRS, *, seed=0, **settings):
    recorder = Recorder()
    with isolated_generators(0):
        settings = {"max_epochs": 2, "batch_size": 8} | settings
        train(data, recorder.loss, recorder, seed=seed, **settings)
    training = np.concatenate([x for mode, x in recorder.shown if mode])
    return training, recorder, np.concatenate(recorder.targets)


def is_one_of(batch, originals):
    known = {x.tobytes() for x in originals}
    return np.array([x.tobytes() in known for x in batch])


def test_augmented_pairs_with_their_mask_are_input_and_target():
    x, _, target = shown(augmentation=STRONG)
    np.testing.assert_array_equal(x, target)
    assert len(x) == 40
    assert not is_one_of(x, PAIRS).any()
    assert (np.isnan(x).all(axis=(2, 3)).sum(axis=1) == 1).any()  # lost a plane
    assert len({pair.tobytes() for pair in x}) == 40  # other variants in the second epoch


def test_a_target_of_its_own_follows_the_geometry_and_keeps_its_intensities():
    rows = np.arange(len(PAIRS))
    own = (PAIRS, PAIRS.copy())
    dataset = torch.utils.data.TensorDataset(*map(torch.from_numpy, own))
    for data in (own, dataset):
        x, _, target = shown(data, augmentation=no_augmentation().set_params(noise=1, flip=1))
        assert not is_one_of(x, PAIRS[..., ::-1]).any()
        assert is_one_of(target, PAIRS[..., ::-1]).all()
        np.testing.assert_array_equal(np.isnan(x), np.isnan(target))
    x, _, target = shown((PAIRS, rows[:, None]), augmentation=STRONG, max_epochs=1)
    assert sorted(target.ravel()) == rows.tolist()
    with pytest.raises(ValueError, match=r"targets \(8, 1, 12, 12\); expected samples"):
        shown((PAIRS, PAIRS[:, :1]), augmentation=STRONG)


def test_validation_is_never_augmented():
    _, recorder, _ = shown(augmentation=STRONG, patience=5)
    valid = np.concatenate([x for mode, x in recorder.shown if not mode])
    assert len(valid) == 8
    assert is_one_of(valid, PAIRS).all()


def test_augmentation_depends_on_the_seed_alone():
    np.random.seed(1)
    first = shown(augmentation="default", seed=3)[0]
    np.random.seed(2)
    np.testing.assert_array_equal(first, shown(augmentation="default", seed=3)[0])
    np.testing.assert_array_equal(first, shown(augmentation=Augmentation(), seed=3)[0])
    assert not np.array_equal(first, shown(augmentation="default", seed=4)[0], equal_nan=True)


def test_nothing_to_vary_trains_bit_for_bit_as_without():
    a, b = (shown(augmentation=value)[0] for value in (None, no_augmentation()))
    np.testing.assert_array_equal(a, b)


def test_only_pairs_are_augmented():
    for data in ((X, Y), np.zeros((20, 8, 8))):
        with pytest.raises(ValueError, match="expected samples"):
            shown(data, augmentation="default")


@pytest.mark.parametrize("start", [None, "flip", "default"])
def test_nested_settings_start_from_what_a_name_stands_for(start):
    training = Training(augmentation=start)
    flips, noise = (0.0, 0.0) if start is None else (0.5, 0.05 if start == "default" else 0.0)
    for params in ParameterGrid({"augmentation__rotation": [3, 9]}):
        changed = clone(training).set_params(**params)
        assert changed.augmentation.rotation == params["augmentation__rotation"]
        assert (changed.augmentation.flip, changed.augmentation.noise) == (flips, noise)
        assert (
            clone(changed).get_params()["augmentation__rotation"] == changed.augmentation.rotation
        )
    assert training.augmentation == start
    assert Training().set_params(augmentation=start, augmentation__zoom=0).augmentation.zoom == 0
    detector = ConvAutoencoderDetector().set_params(training__augmentation__rotation=4)
    assert detector.training.augmentation.get_params() == (
        no_augmentation().set_params(flip=0.5, rotation=4).get_params()
    )


def test_an_autoencoder_that_saw_variants_finds_a_lesion():
    heads, patients = make_heads(40, seed=1), np.repeat(np.arange(10), 4)
    settings = Training(
        max_epochs=20, batch_size=8, lr=5e-3, augmentation="default", precision="float32"
    )
    detector = ConvAutoencoderDetector(
        latent_dim=8, channels=(8, 16), training=settings, device="cpu", random_state=0
    )
    detector.fit(heads, groups=patients)
    test = make_heads(24, seed=3)
    odd = np.stack([plant(p, 1, amount=0.6, at=(16, 9))[0] for p in test[:12]])
    scores = detector.score_samples(np.concatenate([odd, test[12:]]))
    assert roc_auc_score(np.arange(24) < 12, -scores) > 0.9
    again = clone(detector).fit(heads, groups=patients)
    np.testing.assert_array_equal(again.residual_map(test[:2]), detector.residual_map(test[:2]))


def test_an_augmentation_survives_saving(tmp_path):
    pytest.importorskip("skops")
    from ctmri_detect.persistence import load, save

    training = Training(max_epochs=1, augmentation=STRONG)
    detector = ConvAutoencoderDetector(
        latent_dim=2, channels=(4,), training=training, random_state=0, device="cpu"
    ).fit(PAIRS)
    save(detector, tmp_path / "model.ctmri")
    back = load(tmp_path / "model.ctmri")
    assert back.training_.augmentation.get_params() == STRONG.get_params()
    np.testing.assert_array_equal(back.residual_map(PAIRS), detector.residual_map(PAIRS))


def test_a_loss_that_is_not_finite_is_an_error():
    with pytest.raises(FloatingPointError, match=r"nan in step 1 .*Lower the learning rate"):
        train((X * np.nan, Y))


@pytest.mark.parametrize(
    "bad",
    [
        {"max_epochs": 0},
        {"max_epochs": 2.5},
        {"batch_size": -1},
        {"lr": 0.0},
        {"optimizer": "magic"},
        {"schedule": "cosine"},
        {"patience": 0},
        {"validation_fraction": 0.0},
        {"validation_fraction": 1},
        {"precision": "float16"},
        {"compile": "yes"},
        {"num_workers": -1},
        {"verbose": None},
        {"log_dir": 3},
        {"checkpoint_dir": ""},
        {"resume": True},
        {"resume": "always", "checkpoint_dir": "there"},
        {"lr": "fast"},
        {"augmentation": "twist"},
        {"augmentation": {"rotation": 3}},
    ],
)
def test_bad_settings_are_named(bad):
    with pytest.raises(ValueError, match=f"Training's {next(iter(bad))}"):
        train(**bad)


def test_bad_augmentations_are_named():
    with pytest.raises(ValueError, match="Augmentation's zoom is -1"):
        train(augmentation=Augmentation(zoom=-1))
    with pytest.raises(ValueError, match="Training's augmentation is 'twist'"):
        Training(augmentation="twist").set_params(augmentation__zoom=0.1)


def test_an_interruption_is_not_taken_for_early_stopping():
    def loss(out, target, progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(loss=loss)


class Counter(Callback):
    """Counts epochs."""

    epochs = 0

    def on_epoch_end(self, net, **kwargs):
        """One more."""
        self.epochs += 1


def test_callbacks_run():
    counter = Counter()
    train(callbacks=[counter], max_epochs=3)
    assert counter.epochs == 3
