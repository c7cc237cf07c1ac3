"""A net that is ready to train, from the settings of a training."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import torch
from skorch.utils import noop
from torch import Tensor, nn
from torch.utils.data import Dataset

from ctmri_detect.augmentation.augmentation import as_augmentation
from ctmri_detect.networks.training.batches import ArrayDataset
from ctmri_detect.networks.training.net import LossNet
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.networks.training.split import Split

_OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": torch.optim.AdamW},
    "adam": {"optimizer": torch.optim.Adam},
    "sgd": {
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
    },
}


def build(
    module: nn.Module,
    dataset: Dataset[Any],
    split: Split,
    loss: Callable[..., Tensor],
    training: Training,
    *,
    device: str,
    bfloat16: bool,
    callbacks: list[Any],
    steps: int,
    accelerator: Any = None,
) -> LossNet:
    """A net that is ready to be fitted on `dataset`."""
    kind: Any = LossNet
    settings: dict[str, Any] = {"device": device}
    if accelerator is not None:
        from ctmri_detect.networks.training.accelerated import AcceleratedNet

        kind = AcceleratedNet
        settings = {"accelerator": accelerator, "callbacks__print_log__sink": noop}
    net: LossNet = kind(
        module,
        criterion=loss,
        lr=training.lr,
        max_epochs=training.max_epochs,
        batch_size=training.batch_size,
        callbacks=callbacks,
        verbose=0,
        compile=training.compile,
        iterator_train__shuffle=True,
        **_loader_settings(dataset, training.num_workers),
        **_OPTIMIZERS[training.optimizer],
        **settings,
        optimizer__fused=accelerator is None and torch.device(device).type == "cpu",  # fewer calls
    )
    arrays = isinstance(dataset, ArrayDataset)
    net.where, net.split, net.total_steps, net.bfloat16 = device, split, steps, bfloat16
    net.channels_last = _is_channels_last(module)
    net.own_target = isinstance(dataset, ArrayDataset) and dataset.targets is None
    net.plain_batches = arrays and not training.num_workers and accelerator is None
    net.flip = training.augmentation == "flip"  # drawn by torch, unlike an Augmentation
    net.roles = getattr(getattr(dataset, "inputs", None), "roles", None)
    net.augmentation = None if net.flip else as_augmentation(training.augmentation)
    return net


def _loader_settings(dataset: Dataset[Any], num_workers: int) -> dict[str, Any]:
    """How a DataLoader reads, if one is needed."""
    settings: dict[str, Any] = {"num_workers": num_workers}
    if isinstance(dataset, ArrayDataset):
        settings["collate_fn"] = _same  # it reads whole batches
    if num_workers and "fork" in multiprocessing.get_all_start_methods():
        settings["multiprocessing_context"] = "fork"  # another way copies a memmap into memory
    sides = ("train", "valid")
    return {f"iterator_{side}__{k}": v for side in sides for k, v in settings.items()}


def _same(batch: Any) -> Any:
    return batch


def _is_channels_last(module: nn.Module) -> bool:
    last = torch.channels_last
    return any(
        p.ndim == 4 and p.is_contiguous(memory_format=last) and not p.is_contiguous()
        for p in module.parameters()
    )
