"""A training in which everything draws: in a process of its own, it can be made to die."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback

from ctmri_detect.networks import isolated_generators
from ctmri_detect.networks.training import checkpoints as checkpoint_files
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training

PAIRS = np.random.default_rng(0).normal(size=(40, 2, 8, 8)).astype(np.float32)
GROUPS = np.repeat(np.arange(10), 4)
EPOCHS = 6
SETTINGS = {"max_epochs": EPOCHS, "batch_size": 8, "lr": 0.01, "precision": "float32"}


class Net(torch.nn.Module):
    """With dropout and batch normalisation: weights, buffers and random numbers."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.3),
            torch.nn.Conv2d(4, 2, 3, padding=1),
        )

    def forward(self, x):
        """Of the shape of x."""
        return self.layers(torch.nan_to_num(x))


def loss(out, target, progress):
    """Changes over the training."""
    seen = ~torch.isnan(target)
    return (2 - progress) * ((out - target)[seen] ** 2).mean()


def new_net(seed=0):
    """Initial weights."""
    with isolated_generators(seed):
        return Net()


def fit(module=None, data=PAIRS, *, seed=3, groups=GROUPS, own_generator=False, **settings):
    """The module and its history."""
    module = new_net() if module is None else module
    training = Training(**SETTINGS | settings)
    kwargs = {"random_state": seed, "device": "cpu", "groups": groups}
    history = fit_network(module, data, loss, training, own_generator=own_generator, **kwargs)
    return module, history


class Dies(Callback):
    """Sends its own process a signal in the middle of an epoch."""

    def __init__(self, signum, epoch):
        self.signum, self.epoch, self.steps = signum, epoch, 0

    def on_batch_end(self, net, training=False, **kwargs):
        """After the second step of the epoch."""
        self.steps += training and len(net.history) == self.epoch
        if self.steps == 2:
            os.kill(os.getpid(), self.signum)


def die_while_writing(epoch):
    """SIGKILL when the checkpoint of `epoch` is on the disk and has not got its name."""
    replace, states = os.replace, []

    def dying(source, target):
        states.append(Path(target).name == checkpoint_files.STATE)
        if sum(states) == epoch:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = dying


def main(how, folder, settings):
    """Train until it dies."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
    if how == "writing":
        die_while_writing(epoch=4)
    if how == "full":  # a real OSError of the system on every write beyond
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    signals = {"killed": signal.SIGKILL, "ctrl-c": signal.SIGINT}
    callbacks = [Dies(signals[how], epoch=4)] if how in signals else None
    module, _ = fit(checkpoint_dir=folder, callbacks=callbacks, **settings)
    total = sum(float(p.double().sum()) for p in module.state_dict().values())
    sys.stdout.write(repr(total))
