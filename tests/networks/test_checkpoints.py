"""Checkpoints: an interrupted training ends as one that was not interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

torch = pytest.importorskip("torch")
Callback = pytest.importorskip("skorch.callbacks").Callback

import small_training  # noqa: E402
from small_training import EPOCHS, GROUPS, PAIRS, fit, new_net  # noqa: E402

from ctmri_detect import ConvAutoencoderDetector  # noqa: E402
from ctmri_detect.augmentation.augmentation import Augmentation  # noqa: E402
from ctmri_detect.exceptions import CheckpointWarning  # noqa: E402
from ctmri_detect.networks import isolated_generators  # noqa: E402
from ctmri_detect.networks.training import checkpoints as checkpoint_files  # noqa: E402
from ctmri_detect.networks.training.settings import Training  # noqa: E402

WAYS = {
    "plain": {},
    "augmented": {"augmentation": "default", "optimizer": "sgd"},
    "flipped, validated": {"augmentation": "flip", "patience": 50},
    "stopped early": {"patience": 1, "lr": 1.0, "schedule": None},
}


@pytest.fixture(autouse=True)
def one_thread():
    """As in the processes that are killed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_same(one, other):
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert_array_equal(a.numpy(), b.numpy(), err_msg=name)


def run(how, folder, **settings):
    code = f"import small_training; small_training.main({how!r}, {str(folder)!r}, {settings!r})"
    support = str(Path(small_training.__file__).parent)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=support
    )


class Stops(Callback):
    """Breaks off a training after so many epochs, as a power cut would."""

    def __init__(self, after):
        self.after = after

    def on_epoch_begin(self, net, **kwargs):
        """Too late for the epoch before."""
        if len(net.history) > self.after:
            raise SystemError("power cut")


def broken_off(folder, after, **settings):
    with pytest.raises(SystemError, match="power cut"):
        fit(checkpoint_dir=folder, callbacks=[Stops(after)], **settings)


def state_file(folder):
    (path,) = Path(folder).glob("*/state.ckpt")
    return path


_SLOW = [pytest.param(how, marks=pytest.mark.slow) for how in ("writing", "ctrl-c")]


@pytest.mark.parametrize("how", ["killed", *_SLOW])
def test_a_process_that_died_is_continued_to_the_same_weights(how, tmp_path):
    settings = {"augmentation": "default", "patience": 50}
    whole, history = fit(**settings)
    died = run(how, tmp_path, **settings)
    if how == "ctrl-c":
        assert died.returncode != 0
        assert died.stderr.rstrip().endswith("KeyboardInterrupt")
    else:
        assert died.returncode == -9
    rest = [p.name for p in state_file(tmp_path).parent.glob(".*.tmp")]
    assert len(rest) == (how == "writing")
    counter = Counter()
    resumed, told = fit(checkpoint_dir=tmp_path, resume=True, callbacks=[counter], **settings)
    assert counter.epochs == EPOCHS - 3  # it died in the fourth epoch, or writing it
    assert_same(resumed, whole)
    columns = ["epoch", "train_loss", "valid_loss"]
    assert told[columns].equals(history[columns])
    assert not list(state_file(tmp_path).parent.glob(".*.tmp"))


class Counter(Callback):
    """Counts epochs; its state is kept."""

    def __init__(self):
        self.epochs, self.earlier = 0, 0

    def on_epoch_end(self, net, **kwargs):
        """One more."""
        self.epochs += 1

    def state_dict(self):
        """For the checkpoint."""
        return {"epochs": self.earlier + self.epochs}

    def load_state_dict(self, state):
        """From the checkpoint."""
        self.earlier = state["epochs"]


@pytest.mark.parametrize("after", [1, 3, 5])
@pytest.mark.parametrize("way", WAYS)
def test_broken_off_anywhere_and_continued_is_as_whole(way, after, tmp_path):
    whole, history = fit(**WAYS[way])
    after = min(after, len(history) - 1)
    broken_off(tmp_path, after, **WAYS[way])
    resumed, told = fit(checkpoint_dir=tmp_path, resume=True, **WAYS[way])
    assert_same(resumed, whole)
    assert told.drop(columns="seconds").equals(history.drop(columns="seconds"))
    assert (way == "stopped early") == (len(history) < EPOCHS)


def test_so_is_a_training_with_a_generator_of_its_own(tmp_path):
    data = (PAIRS[:, :, 0, 0], PAIRS[:, 0, 0, 0])

    def train(**settings):
        with isolated_generators(0):
            module = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Flatten(0))
        return fit(module, data, own_generator=True, patience=50, **settings)[0]

    whole = train()
    with pytest.raises(SystemError):
        train(checkpoint_dir=tmp_path, callbacks=[Stops(2)])
    assert_same(train(checkpoint_dir=tmp_path, resume=True), whole)


def test_interrupted_twice_is_no_different(tmp_path):
    whole, _ = fit()
    broken_off(tmp_path, 2)
    broken_off(tmp_path, 4, resume=True)
    resumed, history = fit(checkpoint_dir=tmp_path, resume=True)
    assert_same(resumed, whole)
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))


def test_checkpoints_change_nothing_and_a_finished_training_is_not_repeated(tmp_path):
    plain, _ = fit(patience=2, lr=0.3)
    kept, history = fit(patience=2, lr=0.3, checkpoint_dir=tmp_path)
    assert_same(kept, plain)
    counter = Counter()
    settings = {"patience": 2, "lr": 0.3, "checkpoint_dir": tmp_path}
    loaded, told = fit(resume=True, callbacks=[counter], **settings)
    assert counter.epochs == 0
    assert not loaded.training
    assert_same(loaded, plain)
    assert told.equals(history)
    fit(resume=False, callbacks=[counter], **settings)
    assert counter.epochs == len(history)
    weights = torch.load(state_file(tmp_path).parent / "weights.pt", weights_only=True)
    loaded.load_state_dict(weights)
    assert_same(loaded, plain)


def test_the_state_of_callbacks_is_kept(tmp_path):
    with pytest.raises(SystemError):
        fit(checkpoint_dir=tmp_path, callbacks=[Counter(), Stops(4)])
    counter = Counter()
    fit(checkpoint_dir=tmp_path, resume=True, callbacks=[counter])
    assert counter.earlier + counter.epochs == EPOCHS


def changed(index):
    other = PAIRS.copy()
    other[index] += 1e-3
    return other


SOMETHING_ELSE = {
    "epochs": {"max_epochs": EPOCHS + 1},
    "batches": {"batch_size": 4},
    "rate": {"lr": 0.02},
    "optimiser": {"optimizer": "adam"},
    "schedule": {"schedule": None},
    "patience": {"patience": 2},
    "validation": {"validation_fraction": 0.3},
    "augmentation": {"augmentation": Augmentation(zoom=0.01)},
    "precision": {"precision": "bfloat16"},
    "seed": {"seed": 4},
    "first pixel": {"data": changed((0, 0, 0, 0))},
    "a pixel": {"data": changed((17, 1, 3, 5))},
    "fewer samples": {"data": PAIRS[:-1], "groups": GROUPS[:-1]},
    "target": {"data": (PAIRS, PAIRS + 1)},
    "initial weights": {"module": new_net(1)},
}


@pytest.mark.parametrize("what", SOMETHING_ELSE)
def test_the_checkpoint_of_something_else_is_never_loaded(what, tmp_path):
    broken_off(tmp_path, 3)
    content = state_file(tmp_path).read_bytes()
    counter = Counter()
    settings = {"checkpoint_dir": tmp_path, "resume": True, "callbacks": [counter]}
    _, history = fit(**settings, **SOMETHING_ELSE[what])
    assert counter.epochs == len(history)  # from the beginning
    folders = sorted(tmp_path.glob("*/state.ckpt"))
    assert len(folders) == 2
    assert content in [path.read_bytes() for path in folders]


def test_other_patients_are_another_training(tmp_path):
    broken_off(tmp_path, 3, patience=9)
    fit(checkpoint_dir=tmp_path, resume=True, patience=9, groups=GROUPS[::-1] % 7)
    assert len(list(tmp_path.glob("*/state.ckpt"))) == 2


def test_what_only_watches_makes_no_other_training(tmp_path):
    broken_off(tmp_path, 3)
    counter = Counter()
    fit(checkpoint_dir=tmp_path, resume=True, verbose=1, callbacks=[counter])
    assert counter.epochs == EPOCHS - 3


@pytest.mark.parametrize("damage", ["cut", "empty", "bit", "text"])
def test_a_damaged_checkpoint_is_named(damage, tmp_path):
    broken_off(tmp_path, 3)
    path = state_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    made = {"cut": content[: len(content) // 2], "empty": b"", "bit": content, "text": b"hello"}
    path.write_bytes(made[damage])
    with pytest.raises(ValueError, match=r"state\.ckpt is damaged or cut off\. Delete it"):
        fit(checkpoint_dir=tmp_path, resume=True)
    path.unlink()
    assert len(fit(checkpoint_dir=tmp_path, resume=True)[1]) == EPOCHS


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("was_here"),))


def test_a_checkpoint_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    broken_off(tmp_path, 3)
    (folder,) = tmp_path.glob("Net-*")
    checkpoints = checkpoint_files.Checkpoints(tmp_path, {"network": {"class": "x"}})
    checkpoints.folder = folder
    checkpoints.save({"history": Evil()}, finished=True)
    with pytest.raises(ValueError, match=r"state\.ckpt holds more than tensors .*Delete it"):
        fit(checkpoint_dir=tmp_path, resume=True)
    assert not Path("was_here").exists()


def test_a_checkpoint_put_into_another_folder_is_refused(tmp_path):
    broken_off(tmp_path / "a", 3)
    broken_off(tmp_path / "b", 3, lr=0.02)
    state_file(tmp_path / "b").write_bytes(state_file(tmp_path / "a").read_bytes())
    with pytest.raises(ValueError, match="belongs to another training"):
        fit(checkpoint_dir=tmp_path / "b", resume=True, lr=0.02)


def test_a_folder_says_which_training_it_is(tmp_path):
    fit(checkpoint_dir=tmp_path, max_epochs=1)
    about = json.loads((state_file(tmp_path).parent / "training.json").read_text())
    assert about["settings"]["lr"] == 0.01
    assert about["seed"] == 3
    assert state_file(tmp_path).parent.name.startswith("Net-")


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(tmp_path):
    module, _ = fit()
    done = run("full", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("CheckpointWarning") == 1
    assert "File too large" in done.stderr
    assert float(done.stdout) == sum(float(p.double().sum()) for p in module.state_dict().values())
    assert not list(tmp_path.glob("*/*.ckpt"))
    assert not list(tmp_path.glob("*/.*.tmp"))


def test_the_last_whole_checkpoint_survives_a_full_disk(tmp_path):
    broken_off(tmp_path, 3)
    content = state_file(tmp_path).read_bytes()
    assert run("full", tmp_path, resume=True).returncode == 0
    assert state_file(tmp_path).read_bytes() == content
    assert_same(fit(checkpoint_dir=tmp_path, resume=True)[0], fit()[0])


def test_a_folder_that_cannot_be_is_said_before_the_training(tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    counter = Counter()
    with pytest.raises(ValueError, match=r"Training's checkpoint_dir is .* can't be written"):
        fit(checkpoint_dir=file, callbacks=[counter])
    assert counter.epochs == 0


def test_all_trainings_of_one_fit_are_found_again(tmp_path):
    """With few patients each is left out in turn: a network each time, and one of all."""
    settings = {"max_epochs": 2, "batch_size": 8, "checkpoint_dir": str(tmp_path)}

    def detector(**more):
        return ConvAutoencoderDetector(
            latent_dim=2, channels=(4,), training=Training(**settings, **more), device="cpu",
            random_state=0,
        )  # fmt: skip

    groups = np.repeat(np.arange(3), 4)
    first = detector().fit(PAIRS[:12], groups=groups)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/state.ckpt")}
    assert len(files) == 4
    gone = next(iter(files))
    gone.unlink()  # as if that one had not been trained
    again = detector(resume=True).fit(PAIRS[:12], groups=groups)
    assert_array_equal(again.score_samples(PAIRS), first.score_samples(PAIRS))
    assert sorted(tmp_path.glob("*/state.ckpt")) == sorted(files)
    repeated = [path for path, time in files.items() if path.stat().st_mtime_ns != time]
    assert repeated == [gone]


def test_an_interruption_while_a_checkpoint_is_written_is_no_early_stopping(tmp_path, monkeypatch):
    save, calls = checkpoint_files.Checkpoints.save, []

    def interrupted_once(self, state, *, finished):
        calls.append(finished)
        if len(calls) == 3:
            raise KeyboardInterrupt
        save(self, state, finished=finished)

    monkeypatch.setattr(checkpoint_files.Checkpoints, "save", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint_dir=tmp_path)
    assert calls == [False] * 3  # and not taken for finished
    assert_same(fit(checkpoint_dir=tmp_path, resume=True)[0], fit()[0])


def test_what_cannot_be_written_is_a_warning_of_the_library(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_files, "serialised", lambda value: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # only the disk is forgiven
        fit(checkpoint_dir=tmp_path)
    write = checkpoint_files.write_whole

    def full(path, *parts):
        if path.suffix != ".json":
            raise OSError(28, "No space left on device")
        write(path, *parts)

    monkeypatch.undo()
    monkeypatch.setattr(checkpoint_files, "write_whole", full)
    with pytest.warns(CheckpointWarning, match="No space left on device") as told:
        module, _ = fit(checkpoint_dir=tmp_path)
    assert len(told) == 1
    assert_same(module, fit()[0])
