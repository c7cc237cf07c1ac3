"""The identity of a training: trainings with equal identities give equal weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import nn

from ctmri_detect.augmentation.augmentation import as_augmentation
from ctmri_detect.networks.training.batches import ArrayDataset
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.networks.training.split import Split

# settings that change the result; the others only change what is shown or stored
_SETTINGS = (
    "max_epochs",
    "batch_size",
    "lr",
    "optimizer",
    "schedule",
    "patience",
    "validation_fraction",
    "precision",
)
_BLOCK = 64  # samples read at a time
_LOOKED_AT = 16  # samples of a Dataset, whose reading may be slow and random

Identity = dict[str, Any]


def identify(
    module: nn.Module,
    dataset: Any,
    split: Split,
    loss: Callable[..., Any],
    training: Training,
    *,
    seed: int,
    processes: int = 1,
) -> Identity:
    """Everything that the result of a training depends on, as plain JSON; arrays are read once."""
    augmentation = as_augmentation(training.augmentation)
    settings = {name: getattr(training, name) for name in _SETTINGS}
    settings["augmentation"] = None if augmentation is None else augmentation.get_params()
    train, valid = split
    identity = {
        "format": 1,
        "seed": seed,
        "processes": processes,
        "settings": settings,
        "network": _of_network(module),
        "loss": _of_function(loss),
        "data": _of_data(dataset),
        "split": [_digest([rows]) for rows in (train, valid) if rows is not None],
    }
    plain: Identity = json.loads(json.dumps(identity, default=_plain))
    return plain


def name_of(identity: Identity) -> str:
    """Name of a folder: the network's class and a digest.

    Examples
    --------
    >>> name_of({"network": {"class": "torch.nn.Linear"}})
    'Linear-49ff908c8c940025'
    """
    kind = identity["network"]["class"].rpartition(".")[2]
    text = json.dumps(identity, sort_keys=True)
    return f"{kind}-{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _of_network(module: nn.Module) -> dict[str, Any]:
    """Class, shapes and initial parameters; buffers come from the data or from training."""
    return {
        "class": f"{type(module).__module__}.{type(module).__qualname__}",
        "config": {key: repr(value) for key, value in getattr(module, "config", {}).items()},
        "shapes": {name: list(value.shape) for name, value in module.state_dict().items()},
        "initial": _digest(p.detach().float().cpu().numpy() for p in module.parameters()),
    }


def _of_function(function: Any) -> Any:
    """A function's name, with the plain arguments that a partial holds."""
    if isinstance(function, partial):
        held = [*enumerate(function.args), *function.keywords.items()]
        plain = {str(k): v for k, v in held if isinstance(v, (bool, int, float, str))}
        return [_of_function(function.func), plain]
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _of_data(dataset: Any) -> list[Any]:
    """Shapes and a digest: of all values of arrays, of some samples of another Dataset."""
    if not isinstance(dataset, ArrayDataset):
        rows = np.unique(np.linspace(0, len(dataset) - 1, _LOOKED_AT).astype(int))
        samples = (torch.as_tensor(part).cpu().numpy() for i in rows for part in dataset[int(i)])
        return [type(dataset).__qualname__, len(dataset), _digest(samples)]
    starts = range(0, len(dataset), _BLOCK)
    blocks = (dataset.__getitems__(np.arange(s, min(s + _BLOCK, len(dataset)))) for s in starts)
    parts = (x if x is y else (x, y) for x, y in blocks)
    shapes = [list(a.shape) for a in (dataset.inputs, dataset.targets) if a is not None]
    tensors = (t for part in parts for t in (part if isinstance(part, tuple) else (part,)))
    return [shapes, _digest(t.numpy() for t in tensors)]


def _digest(arrays: Any) -> str:
    digest = blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data.cast("B") if np.size(array) else b"")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else repr(value)
