"""Training settings, and the function that trains a network with them."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from ctmri_detect.networks.device import isolated_generators
from ctmri_detect.networks.training import Training, fit_network

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
    training = Training(**{"max_epochs": 5, "lr": 0.05} | settings)
    kwargs = {"device": "cpu", "precision": "float32"}
    history = fit_network(module, data, loss, training, random_state=seed, groups=groups, **kwargs)
    return module, history


def weights(module):
    return np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])


def test_settings_are_remembered_and_cloned():
    training = Training(max_epochs=3, callbacks=None, checkpoint_dir="there")
    assert clone(training).get_params() == training.get_params()
    assert Training(max_epochs="nonsense").max_epochs == "nonsense"  # only fitting checks


def test_the_settings_load_no_torch():
    code = "import ctmri_detect.networks.training, sys; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


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
    with pytest.raises(ValueError, match="one patient only"):
        train(patience=2, groups=np.zeros(60))


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
        {"augmentation": "twist"},
    ],
)
def test_bad_settings_are_named(bad):
    with pytest.raises(ValueError, match=f"Training's {next(iter(bad))}"):
        train(**bad)


def test_an_interruption_is_not_taken_for_early_stopping():
    def loss(out, target, progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(loss=loss)


def test_checkpoints_hold_the_weights(tmp_path):
    module, _ = train(checkpoint_dir=str(tmp_path))
    assert "params.pt" in os.listdir(tmp_path)
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    np.testing.assert_array_equal(saved["weight"].numpy(), module.weight.detach().numpy())


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
