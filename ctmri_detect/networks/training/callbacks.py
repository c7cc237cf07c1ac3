"""Callbacks of a training: schedule, early stopping, checkpoints and progress."""

from __future__ import annotations

import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, TensorBoard
from skorch.utils import noop
from tqdm import tqdm

from ctmri_detect._extras import require
from ctmri_detect.exceptions import CheckpointWarning
from ctmri_detect.networks.training.checkpoints import Checkpoints
from ctmri_detect.networks.training.net import LossNet
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.networks.training.state import State, collect, restore


class KeepBest(EarlyStopping):
    """`EarlyStopping` that puts the best weights back into the network itself.

    `EarlyStopping` keeps the weights of the compiled or distributed wrapper instead.
    """

    def __init__(self, patience: int) -> None:
        super().__init__(patience=patience, threshold=0.0, threshold_mode="abs", sink=noop)

    def on_epoch_end(self, net: LossNet, **kwargs: Any) -> None:
        """Keep a copy of the best weights."""
        super().on_epoch_end(net, **kwargs)
        if self.best_epoch_ == net.history[-1, "epoch"]:
            self.best_model_weights_ = deepcopy(dict(net.module.state_dict()))

    def on_train_end(self, net: LossNet, **kwargs: Any) -> None:
        """Put them back."""
        if self.best_model_weights_ is not None:
            net.module.load_state_dict(self.best_model_weights_)


class EpochBar(Callback):
    """A progress bar over epochs, on standard error, with the loss."""

    bar: Any = None

    def on_epoch_begin(self, net: LossNet, **kwargs: Any) -> None:
        """Open the bar, at the epoch where the training begins."""
        if self.bar is None:
            done = len(net.history) - 1
            self.bar = tqdm(total=net.max_epochs, initial=done, desc="training", unit="epoch")

    def on_epoch_end(self, net: LossNet, **kwargs: Any) -> None:
        """Show one more epoch and its losses."""
        shown = {k: net.history[-1].get(k) for k in ("train_loss", "valid_loss")}
        self.bar.set_postfix({k: f"{v:.4g}" for k, v in shown.items() if v is not None})
        self.bar.update()

    def on_train_end(self, net: LossNet, **kwargs: Any) -> None:
        """Leave the bar on the screen."""
        if self.bar is not None:
            self.bar.close()


class SaveEpochs(Callback):
    """Write a checkpoint after each epoch, and continue from one. The last of the callbacks."""

    def __init__(self, checkpoints: Checkpoints, begun: State | None, writes: bool) -> None:
        self.checkpoints, self.begun, self.writes = checkpoints, begun, writes
        self.warned = False

    def on_train_begin(self, net: LossNet, **kwargs: Any) -> None:
        """Continue from the state that was read."""
        if self.begun is not None:
            restore(net, self.begun)
            self.begun = None

    def on_epoch_end(self, net: LossNet, **kwargs: Any) -> None:
        """Write the state; Ctrl-C while writing ends the training with KeyboardInterrupt."""
        try:
            self.save(net, finished=False)
        except KeyboardInterrupt:
            net.interrupted = True
            raise

    def save(self, net: LossNet, *, finished: bool) -> None:
        """Write a checkpoint; if that fails, warn and go on with the training."""
        if not self.writes:
            return
        try:
            state = collect(net)
            self.checkpoints.save(state, finished=finished)
            if finished:
                self.checkpoints.save_weights(state["weights"])
        except OSError as error:
            if not self.warned:
                warnings.warn(
                    f"No checkpoint could be written to {self.checkpoints.folder} ({error}); "
                    "training goes on without it. The last complete checkpoint is kept. "
                    "Make room on the disk, or set another checkpoint_dir.",
                    CheckpointWarning,
                    stacklevel=2,
                )
            self.warned = True


def make_callbacks(
    training: Training, steps: int, *, validates: bool, saver: SaveEpochs | None
) -> list[Any]:
    """The callbacks in order; the ones that stop a training before the one that writes."""
    chosen: list[Any] = []
    if training.schedule == "onecycle":
        policy = torch.optim.lr_scheduler.OneCycleLR
        one_cycle = LRScheduler(policy, step_every="batch", max_lr=training.lr, total_steps=steps)
        chosen.append(one_cycle)
    if training.patience is not None and validates:
        chosen.append(KeepBest(training.patience))
    chosen += list(training.callbacks or [])
    return chosen if saver is None else [*chosen, saver]


def tensorboard(log_dir: Any, name: str, done: int) -> TensorBoard:
    """Writes losses to TensorBoard, as a run called `name` that has `done` epochs already."""
    require("tensorboard", extra="tensorboard")
    writer = require("torch.utils.tensorboard", extra="tensorboard").SummaryWriter
    folder = str(Path(log_dir) / name)
    return TensorBoard(writer(folder, purge_step=done + 1 if done else None))
