"""The network in training: a `NeuralNet` of skorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.utils import noop
from torch import Tensor
from torch.utils.data import Subset

from ctmri_detect.augmentation.augmentation import Augmentation
from ctmri_detect.modalities import Roles
from ctmri_detect.networks.training.batches import ArrayBatches
from ctmri_detect.networks.training.split import Split
from ctmri_detect.networks.training.varied import augmented, mirrored


class LossNet(NeuralNet):
    """A `NeuralNet` whose loss depends on the progress of the training."""

    where: str = "cpu"  # the device; skorch's `device` is None with accelerate
    total_steps: int = 1
    bfloat16: bool = False
    channels_last: bool = False
    own_target: bool = False  # whether an array is its own target
    plain_batches: bool = False  # whether batches are made without a DataLoader
    flip: bool = False
    augmentation: Augmentation | None = None
    roles: Roles | None = None  # of the planes, where the data know them
    generator: np.random.Generator  # of the augmentation
    own_order: torch.Generator | None = None  # of the batches; None takes torch's global one
    touches_no_global: bool = False  # whether the global generators are left alone
    interrupted: bool = False
    steps_done: int = 0
    split: Split

    def seed(self, seed: int) -> None:
        """Seed the net's own generators; the caller seeds the global ones."""
        self.generator = np.random.default_rng(seed)

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        """The rows chosen by `fit_network`."""
        train, valid = self.split
        return Subset(X, train), None if valid is None else Subset(X, valid)  # type: ignore[arg-type]

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches of arrays, made in this process, or a DataLoader."""
        if self.plain_batches:
            return ArrayBatches(dataset, self.batch_size, training, self.own_order)
        return super().get_iterator(dataset, training=training)

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **kwargs: Any) -> Any:
        """Run the epochs that are left of a resumed training, or all."""
        return super().fit_loop(X, y, epochs=self.max_epochs - len(self.history), **kwargs)

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        """One step; images are mirrored or augmented first, if the settings say so."""
        x, y = batch
        y = x if self.own_target else y
        if self.flip:
            x, y = mirrored(x, y)
        elif self.augmentation is not None:
            x, y = augmented(x, y, self.augmentation, self.generator, self.roles)
        try:
            step = super().train_step((x, y), **fit_params)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                f"A batch of {len(x)} sample(s) of {len(self.split[0])} is too small for batch "
                f"normalisation. Set another batch_size (it is {self.batch_size}), so that no "
                "single sample is left over, or give more samples."
            ) from error
        self.steps_done += 1
        return step

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Forward pass; products in bfloat16 if the settings say so, the result in float32."""
        if self.channels_last and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        kind = torch.device(self.where).type
        # no cache: inside the user's autocast it would keep the weights of an earlier step
        with torch.autocast(kind, torch.bfloat16, enabled=self.bfloat16, cache_enabled=False):
            out = super().infer(x, **fit_params)
        return _float32(out)

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        """The loss; validation always uses its final form."""
        progress = self.steps_done / self.total_steps if training else 1.0
        loss: Tensor = self.criterion(y_pred, y_true.to(self.where), progress)
        if training and not torch.isfinite(loss):
            raise FloatingPointError(
                f"The training loss became {loss.item()} in step {self.steps_done + 1} of "
                f"{self.total_steps}; expected a finite number. Lower the learning rate "
                f"(Training's lr is {self.lr}), train in float32, or look for extreme values in X."
            )
        return loss

    def initialize_criterion(self) -> Any:
        """The criterion is a plain function; there is nothing to initialise."""
        self.criterion_ = noop  # no module: accelerate can't distribute one without parameters
        return self

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Remember Ctrl-C: skorch treats it as early stopping without a message."""
        try:
            super().run_single_epoch(*args, **kwargs)
        except KeyboardInterrupt:
            self.interrupted = True
            raise

    def partial_fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train; raise KeyboardInterrupt again if the user pressed Ctrl-C."""
        super().partial_fit(*args, **kwargs)
        if self.interrupted:
            raise KeyboardInterrupt
        return self


def _float32(out: Any) -> Any:
    if isinstance(out, (tuple, list)):
        return type(out)(_float32(part) for part in out)
    return out.float()
