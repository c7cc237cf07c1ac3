"""Training on several devices, by accelerate."""

from __future__ import annotations

from typing import Any

import torch
from skorch.hf import AccelerateMixin

from ctmri_detect._extras import require
from ctmri_detect.networks.training.net import LossNet


class AcceleratedNet(AccelerateMixin, LossNet):
    """Each process trains on its share of every epoch, and validates on all validation samples.

    So all processes have one validation loss, and stop after the same epoch.
    """

    def seed(self, seed: int) -> None:
        """With several processes, give the order of samples a generator of its own.

        The one of accelerate can't be stored in a checkpoint.
        """
        super().seed(seed)
        if self.accelerator.num_processes > 1:
            self.own_order = torch.Generator().manual_seed(seed)
            self.set_params(iterator_train__generator=self.own_order)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches; only training batches are divided between processes."""
        if training:
            return super().get_iterator(dataset, training=True)
        return LossNet.get_iterator(self, dataset, training=False)

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Forward pass; validation samples are moved to the device first."""
        return super().infer(x.to(self.where), **fit_params)

    def validation_step(self, batch: Any, **fit_params: Any) -> Any:
        """The mean loss of all processes; their batch statistics differ a little."""
        step = super().validation_step(batch, **fit_params)
        losses: Any = self.accelerator.gather(step["loss"].detach().reshape(1))
        return {**step, "loss": torch.as_tensor(losses).mean()}


def as_accelerator(accelerator: Any) -> Any:
    """An `accelerate.Accelerator`: the one given, or with "auto" a new one."""
    accelerate = require("accelerate", extra="accelerate")
    if accelerator == "auto":
        return accelerate.Accelerator()
    if not isinstance(accelerator, accelerate.Accelerator):
        raise ValueError(
            f"Training's accelerator is {accelerator!r}; expected an accelerate.Accelerator, "
            '"auto" or None. With "auto" one is made from the environment.'
        )
    return accelerator
