"""What helps a training: validation on other patients, progress, workers, compilation, devices."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

torch = pytest.importorskip("torch")
Callback = pytest.importorskip("skorch.callbacks").Callback

import small_training  # noqa: E402
from small_training import EPOCHS, GROUPS, PAIRS, fit, loss, new_net  # noqa: E402

from ctmri_detect import ConvAutoencoderDetector  # noqa: E402
from ctmri_detect.networks.autoencoder import PairAutoencoder  # noqa: E402
from ctmri_detect.networks.training.fit import fit_network  # noqa: E402
from ctmri_detect.networks.training.settings import Training  # noqa: E402
from ctmri_detect.networks.training.split import split_patients  # noqa: E402
from ctmri_detect.validation import PairReader  # noqa: E402


def assert_same(one, other):
    states = one.state_dict(), other.state_dict()
    assert list(states[0]) == list(states[1])
    for a, b in zip(*(s.values() for s in states), strict=True):
        assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("n_patients", [2, 3, 7, 40])
def test_no_patient_trains_and_validates(n_patients, fraction):
    rng = np.random.default_rng(n_patients)
    groups = rng.permutation(np.repeat(rng.permutation(1000)[:n_patients], rng.integers(1, 9)))
    train, valid = split_patients(len(groups), groups, fraction)
    assert sorted([*train, *valid]) == list(range(len(groups)))
    assert not set(groups[train]) & set(groups[valid])
    validating = len(set(groups[valid]))
    assert 1 <= validating < n_patients
    assert abs(validating - fraction * n_patients) <= 1


class Batches(Callback):
    """Remembers what was trained on, and what validated."""

    def on_train_begin(self, net, **kwargs):
        """Anew for each training."""
        self.seen_ = {True: [], False: []}

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """A batch more."""
        self.seen_[training].append(np.asarray(batch[0]))

    def on_train_end(self, net, **kwargs):
        """For the test."""
        TRAININGS.append({k: np.concatenate(v) for k, v in self.seen_.items() if v})


TRAININGS: list[dict[bool, np.ndarray]] = []


def test_a_detector_validates_on_other_patients():
    """Each sample holds its patient's number, in a shuffled order."""
    TRAININGS.clear()
    patients = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 3))
    X = np.ones((36, 2, 8, 8)) * patients[:, None, None, None]
    X += np.random.default_rng(1).normal(0, 1e-3, X.shape)
    training = Training(max_epochs=2, batch_size=4, patience=5, callbacks=[Batches()])
    detector = ConvAutoencoderDetector(
        latent_dim=2, channels=(4,), training=training, device="cpu", random_state=0
    ).fit(X, groups=[f"patient {p}" for p in patients])
    assert "valid_loss" in detector.history_
    (seen,) = TRAININGS
    trained, validated = (set(np.round(seen[k].mean(axis=(1, 2, 3)))) for k in (True, False))
    assert len(trained) + len(validated) == 9  # a quarter is held out for the threshold
    assert not trained & validated
    assert len(validated) == 2


def test_readers_keep_their_patients():
    reader = PairReader(PAIRS, np.arange(4, 16), GROUPS[4:16])
    assert_array_equal(reader.take([0, 5, 11]).groups, GROUPS[[4, 9, 15]])
    assert_array_equal(reader.take(np.array([True, False] * 6)).groups, GROUPS[4:16:2])
    assert PairReader(PAIRS).take([1]).groups is None
    with_groups, _ = fit(data=PairReader(PAIRS, groups=GROUPS[::-1]), groups=None, patience=9)
    told, _ = fit(groups=GROUPS[::-1], patience=9)
    assert_same(with_groups, told)


def test_a_fraction_without_patience_only_watches():
    TRAININGS.clear()
    _, history = fit(validation_fraction=0.3, callbacks=[Batches()], lr=1.0)
    assert len(history) == EPOCHS
    assert np.isfinite(history["valid_loss"]).all()
    assert len(TRAININGS[0][False]) == 12 * EPOCHS  # three of ten patients
    assert "valid_loss" not in fit()[1]


def test_progress_is_on_standard_error_and_only_when_asked(capsys):
    fit(patience=9)
    assert capsys.readouterr() == ("", "")
    _, history = fit(patience=9, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{EPOCHS}/{EPOCHS}" in err
    assert f"train_loss={history['train_loss'].iloc[-1]:.4g}" in err
    assert f"valid_loss={history['valid_loss'].iloc[-1]:.4g}" in err


_PLAIN = pytest.param({}, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "settings", [_PLAIN, {"augmentation": "default", "patience": 9}], ids=["plain", "augmented"]
)
def test_workers_and_memmaps_change_nothing(settings, tmp_path):
    path = tmp_path / "pairs.npy"
    np.save(path, PAIRS)
    memmap = np.load(path, mmap_mode="r")
    plain, history = fit(**settings)
    for data in (memmap, PairReader(memmap), PAIRS.astype(np.float64), PAIRS[::-1].copy()[::-1]):
        assert_same(fit(data=data, **settings)[0], plain)
    settings = {k: v for k, v in settings.items() if k != "patience"}  # workers draw a seed more
    plain, history = fit(**settings)
    read_ahead, told = fit(data=memmap, num_workers=2, **settings)
    assert_same(read_ahead, plain)
    assert told["train_loss"].tolist() == history["train_loss"].tolist()
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(PAIRS), torch.from_numpy(PAIRS))
    first, second = (fit(data=dataset, num_workers=n)[0] for n in (0, 2))
    assert_same(first, second)


def without_dropout():
    """Its random numbers depend on the layout in memory."""
    module = new_net()
    module.layers[3].p = 0.0
    return module


def test_images_have_the_layout_of_the_weights():
    last = torch.channels_last
    settings = {"patience": 9, "optimizer": "sgd"}  # Adam makes much of rounding
    _, history = fit(without_dropout(), **settings)
    module, layouts = without_dropout().to(memory_format=last), set()
    module.register_forward_pre_hook(
        lambda _, x: layouts.add(x[0].is_contiguous(memory_format=last))
    )
    _, told = fit(module, **settings)
    assert layouts == {True}
    assert module.layers[0].weight.is_contiguous(memory_format=last)
    np.testing.assert_allclose(told["valid_loss"], history["valid_loss"], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
def test_a_compiled_network_learns_the_same_under_the_same_names(tmp_path):
    plain, history = fit(without_dropout(), max_epochs=2, patience=9)
    settings = {"max_epochs": 2, "patience": 9, "compile": True, "checkpoint_dir": tmp_path}
    compiled, told = fit(without_dropout(), **settings)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    assert type(compiled) is type(plain)
    np.testing.assert_allclose(told["valid_loss"], history["valid_loss"], rtol=1e-3)
    settings |= {"compile": False, "resume": True}  # which is no other training
    loaded, _ = fit(without_dropout(), **settings)
    assert_same(loaded, compiled)


def test_without_a_compiler_the_cure_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match=r"the C\+\+ compiler 'no-such-compiler'.*compile=False"):
        fit(compile=True)


def test_tensorboard_gets_every_epoch(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, history = fit(log_dir=tmp_path, patience=9)
    (run,) = tmp_path.iterdir()
    events = EventAccumulator(str(run))
    events.Reload()
    for name in ("train_loss", "valid_loss"):
        logged = events.Scalars(f"Loss/{name}")
        assert [e.step for e in logged] == history["epoch"].tolist()
        np.testing.assert_allclose([e.value for e in logged], history[name], rtol=1e-5)


@pytest.mark.parametrize(
    ("module", "settings"),
    [("tensorboard", {"log_dir": "there"}), ("accelerate", {"accelerator": "auto"})],
)
def test_an_absent_extra_names_its_cure(module, settings, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'pip install "ctmri_detect\[{module}\]"'):
        fit(**settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n", [1, 2, 7])
def test_few_samples_train_an_autoencoder(n):
    module = PairAutoencoder((8, 8), latent_dim=2, channels=(4, 4))
    history = fit_network(
        module, PAIRS[:n], module.loss, Training(max_epochs=2), random_state=0, device="cpu"
    )
    assert np.isfinite(history["train_loss"]).all()
    assert all(torch.isfinite(v).all() for v in module.state_dict().values())


def test_a_single_sample_left_over_for_batch_normalisation_is_explained():
    data = PAIRS[:9, :, 0, 0], PAIRS[:9, :, 0, 1]
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    with pytest.raises(ValueError, match=r"1 sample\(s\) of 9 is too small .* \(it is 8\)"):
        fit(module, data, groups=None)
    fit(module, data, groups=None, batch_size=3)


def test_no_samples_and_no_gpu_are_errors_before_the_training():
    with pytest.raises(ValueError, match="no samples to train on"):
        fit(data=PAIRS[:0], groups=None)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch finds no CUDA device"):
            fit_network(new_net(), PAIRS, loss, Training(), random_state=0, device="cuda")


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(tmp_path):
    class Spoils(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                net.module.layers[0].weight.data.fill_(float("nan"))

    with pytest.raises(FloatingPointError, match="Lower the learning rate"):
        fit(checkpoint_dir=tmp_path, callbacks=[Spoils()])
    resumed, _ = fit(checkpoint_dir=tmp_path, resume=True)
    assert_same(resumed, fit()[0])


SHARED = """
import sys
import accelerate
from small_training import Dies, fit
accelerator = accelerate.Accelerator(cpu=True)
folder, resume = sys.argv[1], sys.argv[2] == "resume"
module, history = fit(
    accelerator=accelerator, patience=2, augmentation="flip", max_epochs=6,
    checkpoint_dir=folder, resume=resume,
    callbacks=[Dies(9, epoch=4)] if sys.argv[2] == "die" else None,
)
weights = [p.double().sum().item() for p in module.parameters()]
sys.stdout.write(f"told {history['valid_loss'].tolist()} {weights}\\n")
"""


def shared(folder, what):
    support = Path(small_training.__file__).parent
    script = folder / "shared.py"
    script.write_text(SHARED)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [sys.executable, *command, str(script), str(folder / what[0]), what[1]],
        capture_output=True, text=True, timeout=120,
        env={**small_training.os.environ, "OMP_NUM_THREADS": "1",
             "PYTHONPATH": f"{support}:{small_training.os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    return done, [line for line in done.stdout.splitlines() if line.startswith("told")]


def test_two_processes_train_one_network_and_resume_it(tmp_path):
    pytest.importorskip("accelerate")
    done, told = shared(tmp_path, ("whole", "once"))
    assert done.returncode == 0, done.stderr
    assert len(told) == 2
    assert told[0] == told[1]
    assert shared(tmp_path, ("cut", "die"))[0].returncode != 0
    assert shared(tmp_path, ("cut", "resume"))[1] == told


def test_one_accelerated_process_is_as_without():
    accelerate = pytest.importorskip("accelerate")
    plain, history = fit(augmentation="default")
    for accelerator in (accelerate.Accelerator(cpu=True), "auto"):
        module, told = fit(augmentation="default", accelerator=accelerator)
        assert_same(module, plain)
        assert told["train_loss"].tolist() == history["train_loss"].tolist()
    with pytest.raises(ValueError, match="Training's accelerator is 3"):
        fit(accelerator=3)


MEMORY = """
import sys
import numpy as np, torch
from small_training import fit
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.validation import PairReader

torch.set_num_threads(1)
X = PairReader(np.load(sys.argv[1], mmap_mode="r"))
settings = {"max_epochs": 1, "patience": 3, "augmentation": "flip", "checkpoint_dir": sys.argv[2]}
for n in (16, 64, 576):  # the first loads what is loaded late
    with PeakMemory() as memory:
        fit(data=X.take(range(n)), groups=None, num_workers=int(sys.argv[3]), **settings)
    sys.stdout.write(f"{memory.increase_mb} ")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is Linux's")
@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_a_memmap(workers, tmp_path):
    shape = (576, 2, 128, 128)  # 72 MiB
    path = tmp_path / "pairs.npy"
    pairs = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    pairs[:] = np.random.default_rng(0).normal(size=shape[1:])
    pairs.flush()
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path), str(tmp_path / "kept"), str(workers)],
        capture_output=True, text=True, timeout=300, cwd=Path(small_training.__file__).parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, few, many = map(float, done.stdout.split())
    assert many - few < 30  # of 64 MiB more
