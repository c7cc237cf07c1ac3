"""The skorch side of training; imported late, because it loads torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LRScheduler
from skorch.utils import noop
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from ctmri_detect.networks._batches import ArrayDataset, ShuffledBatches, as_dataset
from ctmri_detect.networks.augmentation import Augmentation, as_augmentation

__all__ = ["LossNet", "as_dataset", "build", "history_frame"]

if TYPE_CHECKING:
    from ctmri_detect.networks.training import Training

Split = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]

_OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": torch.optim.AdamW},
    "adam": {"optimizer": torch.optim.Adam},
    "sgd": {
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
    },
}


class LossNet(NeuralNet):
    """A `NeuralNet` whose loss knows how far the training is."""

    total_steps: int = 1
    bfloat16: bool = False
    flip: bool = False
    augmentation: Augmentation | None = None
    generator: np.random.Generator  # of the augmentation
    own_order: torch.Generator | None = None  # of the batches; None takes torch's global one
    interrupted: bool = False
    steps_done: int = 0
    split: Split

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        """The rows chosen by `fit_network`."""
        train, valid = self.split
        return Subset(X, train), None if valid is None else Subset(X, valid)  # type: ignore[arg-type]

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches; by the net's own generator where it has one."""
        if training and self.own_order is not None:
            return ShuffledBatches(dataset, self.batch_size, self.own_order)
        return super().get_iterator(dataset, training=training)

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        """One step, on mirrored or augmented images where that is wanted."""
        if self.flip:
            batch = _mirrored(*batch)
        elif self.augmentation is not None:
            x, y = batch
            batch = _augmented(x, y, self.augmentation, self.generator)
        step = super().train_step(batch, **fit_params)
        self.steps_done += 1
        return step

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Forward pass; the products in bfloat16 where that is wanted, the result float32."""
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.bfloat16):
            out = super().infer(x, **fit_params)
        return _float32(out)

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        """The loss; validation always sees the final form of it."""
        progress = self.steps_done / self.total_steps if training else 1.0
        loss: Tensor = self.criterion(y_pred, y_true.to(self.device), progress)
        if training and not torch.isfinite(loss):
            raise FloatingPointError(
                f"The training loss became {loss.item()} in step {self.steps_done + 1} of "
                f"{self.total_steps}; expected a finite number. Lower the learning rate "
                f"(Training's lr is {self.lr}), train in float32, or look for extreme values in X."
            )
        return loss

    def initialize_criterion(self) -> Any:
        """The criterion is a plain function; there is nothing to initialise."""
        self.criterion_ = nn.Identity()
        return self

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Remember who stopped: skorch takes Ctrl-C for early stopping, and goes on silently."""
        try:
            super().run_single_epoch(*args, **kwargs)
        except KeyboardInterrupt:
            self.interrupted = True
            raise

    def partial_fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train, and let an interruption by the user through."""
        super().partial_fit(*args, **kwargs)
        if self.interrupted:
            raise KeyboardInterrupt
        return self


def _mirrored(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Each image and its target mirrored left to right with probability 1/2."""
    if x.ndim < 3:
        raise ValueError(
            f'augmentation is "flip", but the data of shape {tuple(x.shape)} are no images; '
            "expected (n, channels, height, width). Set augmentation=None."
        )
    chosen = (torch.rand(len(x)) < 0.5).to(x.device)
    shape = (-1,) + (1,) * (x.ndim - 1)
    flipped = torch.where(chosen.view(shape), x.flip(-1), x)
    if y is x:
        return flipped, flipped
    return flipped, torch.where(chosen.view(shape), y.flip(-1), y) if y.ndim == x.ndim else y


def _augmented(
    x: Tensor, y: Tensor, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A batch of other variants; a target of its own follows the geometry, where it is pairs."""
    if x.ndim != 4 or x.shape[1] != 2 or (y.ndim == 4 and y.shape != x.shape):
        raise ValueError(
            f"The data have shape {tuple(x.shape)}, the targets {tuple(y.shape)}; expected pairs "
            "(n, 2, height, width) to augment. Set augmentation=None."
        )
    draws = augmentation.draw(rng, len(x), (x.shape[2], x.shape[3]))
    varied = torch.from_numpy(augmentation.apply(x.cpu().numpy(), draws))
    if y is x:
        return varied, varied
    if y.ndim == x.ndim:
        y = torch.from_numpy(augmentation.apply(y.cpu().numpy(), draws.geometry()))
    return varied, y


def _float32(out: Any) -> Any:
    if isinstance(out, (tuple, list)):
        return type(out)(_float32(part) for part in out)
    return out.float()


def build(
    module: nn.Module,
    dataset: Dataset[Any],
    split: Split,
    loss: Callable[..., Tensor],
    training: Training,
    *,
    device: str,
    bfloat16: bool,
    verbose: int,
) -> LossNet:
    """A net that is ready to be fitted on `dataset`."""
    steps = training.max_epochs * -(-len(split[0]) // training.batch_size)
    collate = {"collate_fn": _same} if isinstance(dataset, ArrayDataset) else {}
    net = LossNet(
        module,
        criterion=loss,
        lr=training.lr,
        max_epochs=training.max_epochs,
        batch_size=training.batch_size,
        callbacks=_callbacks(training, steps, validates=split[1] is not None),
        device=device,
        verbose=verbose,
        iterator_train__shuffle=True,
        **{f"iterator_{side}__{k}": v for side in ("train", "valid") for k, v in collate.items()},
        **_OPTIMIZERS[training.optimizer],
    )
    net.split, net.total_steps, net.bfloat16 = split, steps, bfloat16
    net.flip = training.augmentation == "flip"  # drawn by torch, unlike an Augmentation
    net.augmentation = None if net.flip else as_augmentation(training.augmentation)
    return net


def _same(batch: Any) -> Any:
    return batch


def _callbacks(
    training: Training, steps: int, *, validates: bool
) -> list[Callback | tuple[str, Callback]]:
    chosen: list[Any] = []
    if training.schedule == "onecycle":
        policy = torch.optim.lr_scheduler.OneCycleLR
        chosen.append(
            LRScheduler(policy, step_every="batch", max_lr=training.lr, total_steps=steps)
        )
    if training.checkpoint_dir is not None:
        monitor = "valid_loss_best" if validates else None
        chosen.append(
            Checkpoint(
                monitor=monitor,
                dirname=str(training.checkpoint_dir),
                f_optimizer=None,
                f_criterion=None,
            )
        )
    if training.patience is not None:
        chosen.append(
            EarlyStopping(
                patience=training.patience,
                threshold=0.0,
                threshold_mode="abs",
                sink=noop,
                load_best=True,
            )
        )
    return chosen + list(training.callbacks or [])


def history_frame(net: LossNet) -> pd.DataFrame:
    """One row an epoch."""
    frame = pd.DataFrame(net.history.to_list())
    frame = frame.rename(columns={"dur": "seconds"})
    return frame[[c for c in ("epoch", "train_loss", "valid_loss", "seconds") if c in frame]]
