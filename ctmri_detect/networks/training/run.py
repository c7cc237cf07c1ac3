"""One training, from data to history; imported late because it imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import nn

from ctmri_detect._random import isolated_generators
from ctmri_detect.networks.device import check_compiler, resolve_device, resolve_precision
from ctmri_detect.networks.torch_settings import own_settings
from ctmri_detect.networks.training.batches import ArrayDataset, as_dataset
from ctmri_detect.networks.training.build import build
from ctmri_detect.networks.training.callbacks import (
    EpochBar,
    SaveEpochs,
    make_callbacks,
    tensorboard,
)
from ctmri_detect.networks.training.checkpoints import Checkpoints
from ctmri_detect.networks.training.identity import identify, name_of
from ctmri_detect.networks.training.net import LossNet
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.networks.training.split import split_patients
from ctmri_detect.networks.training.state import State, epochs

VALIDATION_FRACTION = 0.2  # with patience, where no fraction is set


@own_settings()
def run(
    module: nn.Module,
    data: Any,
    loss: Callable[..., Any],
    training: Training,
    *,
    seed: int,
    device: str,
    groups: Any,
    own_generator: bool,
) -> pd.DataFrame:
    """Train, or load a training that was finished; see `fit_network`."""
    accelerator = _accelerator(training)
    device = resolve_device(device) if accelerator is None else str(accelerator.device)
    if training.compile:
        check_compiler(device)
    dataset = as_dataset(data)
    split = _split(dataset, data, groups, training)
    main = accelerator is None or accelerator.is_main_process
    processes = 1 if accelerator is None else accelerator.num_processes
    identity: dict[str, Any] = {}
    if training.checkpoint_dir is not None or training.log_dir is not None:
        with isolated_generators(seed):  # a Dataset may draw what it returns
            identity = identify(
                module, dataset, split, loss, training, seed=seed, processes=processes
            )
    begun, saver = _open_checkpoints(training, identity, main)
    if begun is not None and begun["finished"]:
        module.load_state_dict(begun["weights"])
        module.to(device).eval()
        return _frame(begun["history"])
    # the processes share the batches
    steps = training.max_epochs * -(-len(split[0]) // (training.batch_size * processes))
    callbacks = make_callbacks(training, steps, validates=split[1] is not None, saver=saver)
    done = 0 if begun is None else len(begun["history"])
    net = build(
        module,
        dataset,
        split,
        loss,
        training,
        device=device,
        bfloat16=resolve_precision(training.precision, device) == "bfloat16",
        callbacks=(_shown(training, identity, done) if main else []) + callbacks,
        steps=steps,
        accelerator=accelerator,
    )
    _fit(net, dataset, seed, own_generator)
    module.eval()
    if saver is not None:
        saver.save(net, finished=True)
    return _frame(epochs(net))


def _accelerator(training: Training) -> Any:
    if training.accelerator is None:
        return None
    from ctmri_detect.networks.training.accelerated import as_accelerator

    return as_accelerator(training.accelerator)


def _split(dataset: Any, data: Any, groups: Any, training: Training) -> Any:
    """Rows to train and to validate on; patients from the caller, or from the data."""
    fraction = training.validation_fraction
    if fraction is None and training.patience is not None:
        fraction = VALIDATION_FRACTION
    known = getattr(data[0] if isinstance(data, tuple) else data, "groups", None)
    return split_patients(len(dataset), known if groups is None else groups, fraction)


def _open_checkpoints(
    training: Training, identity: dict[str, Any], main: bool
) -> tuple[State | None, SaveEpochs | None]:
    """The state to continue from, if there is one, and the callback that writes the next."""
    if training.checkpoint_dir is None:
        return None, None
    checkpoints = Checkpoints(training.checkpoint_dir, identity)
    begun = checkpoints.load() if training.resume else None
    if main and (begun is None or not begun["finished"]):
        checkpoints.prepare()
    return begun, SaveEpochs(checkpoints, begun, main)


def _shown(training: Training, identity: dict[str, Any], done: int) -> list[Any]:
    """Callbacks that show the progress."""
    shown: list[Any] = [EpochBar()] if training.verbose else []
    if training.log_dir is not None:
        shown.append(tensorboard(training.log_dir, name_of(identity), done))
    return shown


def _fit(net: LossNet, dataset: Any, seed: int, own_generator: bool) -> None:
    net.seed(seed)
    if own_generator:
        if not isinstance(dataset, ArrayDataset) or hasattr(net, "accelerator"):
            raise ValueError(
                "own_generator is True, which needs arrays and no accelerator; expected arrays on "
                "one device. Set own_generator=False."
            )
        net.own_order = torch.Generator().manual_seed(seed)
        net.plain_batches = net.touches_no_global = True
        net.fit(dataset)
        return
    if torch.device(net.where).type == "cuda":
        torch.cuda.init()  # otherwise its generators are neither seeded nor restored
    with isolated_generators(seed):
        net.fit(dataset)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """One row an epoch."""
    frame = pd.DataFrame(rows).rename(columns={"dur": "seconds"})
    return frame[[c for c in ("epoch", "train_loss", "valid_loss", "seconds") if c in frame]]
