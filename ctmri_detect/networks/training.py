"""Settings of an optimisation, and the one function that trains a network with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._extras import require
from ctmri_detect.networks.augmentation import (
    Augmentation,
    as_augmentation,
    check_augmentation,
    no_augmentation,
)
from ctmri_detect.networks.device import isolated_generators, resolve_device, resolve_precision

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

VALIDATION_EVERY = 5  # with patience, every fifth patient validates


class Training(BaseEstimator):
    """How a network is trained; it only remembers.

    Parameters
    ----------
    max_epochs : int, default=30
        Passes over the data; more cost time in proportion.
    batch_size : int, default=16
        Samples a step. Larger batches are fewer, steadier steps.
    lr : float, default=1e-3
        Learning rate; the peak of it with ``schedule="onecycle"``.
    optimizer : {"adamw", "adam", "sgd"}, default="adamw"
        The update rule ("sgd" with Nesterov momentum .9).
    schedule : {"onecycle"} or None, default="onecycle"
        "onecycle" warms the rate up over the first 30 % of the steps and cools it down after;
        None keeps it constant.
    patience : int or None, default=None
        Epochs without a better validation loss after which training stops, and the best weights
        are put back. A fifth of the patients (without patients, of ten contiguous blocks of
        samples) is then kept from training. None trains all epochs on all data.
    augmentation : {"flip", "default"}, Augmentation or None, default=None
        "flip" mirrors each training image left to right, with probability 1/2; "default" is
        `Augmentation()`, mild changes of geometry and intensity of pairs. More variety needs
        more epochs. Only what is trained on is changed, never what validates or is scored. A
        target of its own follows the geometry and keeps its intensities; where the input is the
        target, both are the augmented pair. ``augmentation__rotation`` and the like start from
        what is set: from flips alone, or from nothing with None.
    callbacks : list of skorch callbacks, default=None
        Run beside the library's own, for example ``[skorch.callbacks.ProgressBar()]``.
    checkpoint_dir : str or None, default=None
        Folder to which the weights of the best epoch (the last, without `patience`) are written.

    Examples
    --------
    >>> Training(max_epochs=5).set_params(lr=0.01).get_params()["lr"]
    0.01
    """

    def __init__(
        self,
        max_epochs: int = 30,
        batch_size: int = 16,
        lr: float = 1e-3,
        optimizer: Literal["adamw", "adam", "sgd"] = "adamw",
        schedule: Literal["onecycle"] | None = "onecycle",
        patience: int | None = None,
        augmentation: Literal["flip", "default"] | Augmentation | None = None,
        callbacks: Sequence[Any] | None = None,
        checkpoint_dir: str | None = None,
    ) -> None:
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.schedule = schedule
        self.patience = patience
        self.augmentation = augmentation
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir

    def set_params(self, **params: Any) -> Training:
        """Set parameters; ``augmentation__x`` reaches into what a name or None stands for."""
        chosen = params.get("augmentation", self.augmentation)
        nested = any(key.startswith("augmentation__") for key in params)
        if nested and not isinstance(chosen, Augmentation):
            params["augmentation"] = as_augmentation(chosen) or no_augmentation()
        super().set_params(**params)
        return self


def fit_network(
    module: nn.Module,
    data: Any,
    loss: Callable[..., Any],
    training: Training,
    *,
    random_state: int,
    device: str = "auto",
    precision: str = "auto",
    groups: npt.ArrayLike | None = None,
    verbose: int = 0,
    own_generator: bool = False,
) -> pd.DataFrame:
    """Train a torch module in place, through skorch.

    Global generators and the number of torch's threads are left as they were; initialise the
    module inside ``isolated_generators(seed)`` for the same courtesy.

    Parameters
    ----------
    module : torch.nn.Module
        Left on `device`, in evaluation mode.
    data : array-like, pair of array-likes, or torch Dataset
        An array is its own target; a pair is input and target; a Dataset yields both, a sample
        at a time. Arrays need only ``shape`` and indexing by an array of rows, and are read a
        batch at a time.
    loss : callable
        ``loss(output, target, progress)`` gives a scalar tensor; `progress` goes from 0 to 1
        over the training, and is 1 in validation.
    training : Training
    random_state : int
        Order of the samples, augmentation, dropout.
    device, precision : str, default="auto"
        As in `resolve_device` and `resolve_precision`.
    groups : array-like (n,), default=None
        Patient of each sample, for ``training.patience``.
    verbose : int, default=0
        skorch's: 1 prints a line an epoch.
    own_generator : bool, default=False
        For a pair of arrays that fit into memory, and a module that draws nothing: the global
        generators are not even touched, so that several networks can be trained in threads. The
        order of the samples is the same.

    Returns
    -------
    DataFrame
        One row an epoch: epoch, train_loss, valid_loss where there is one, seconds.

    Raises
    ------
    ValueError
        For a setting out of its range, or without data.
    FloatingPointError
        Where the loss is no longer finite.

    Examples
    --------
    >>> import torch
    >>> x = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    >>> history = fit_network(
    ...     torch.nn.Linear(1, 1), (x, 2 * x), lambda out, target, _: ((out - target) ** 2).mean(),
    ...     Training(max_epochs=20, lr=0.1), random_state=0, device="cpu",
    ... )
    >>> bool(history["train_loss"].iloc[-1] < history["train_loss"].iloc[0])
    True
    """
    check_training(training)
    require("torch", extra="torch")
    require("skorch", extra="torch")
    from ctmri_detect.networks import _net

    device = resolve_device(device)
    dataset = _net.as_dataset(data)
    train, valid = _split(len(dataset), groups, training.patience)
    net = _net.build(
        module,
        dataset,
        (train, valid),
        loss,
        training,
        device=device,
        bfloat16=resolve_precision(precision, device) == "bfloat16",
        verbose=verbose,
    )
    net.generator = np.random.default_rng(random_state)
    if own_generator:
        net.own_order = _net.torch.Generator().manual_seed(random_state)
        net.set_params(iterator_valid__generator=_net.torch.Generator())
        net.fit(dataset)
    else:
        with isolated_generators(random_state):
            net.fit(dataset)
    module.eval()
    return _net.history_frame(net)


def check_training(training: Training) -> None:
    """Raise a ValueError that names the first setting out of its range."""
    if not isinstance(training, Training):
        raise ValueError(f"training is {training!r}; expected a Training instance or None.")
    rules = [
        ("max_epochs", _is_count(training.max_epochs), "an integer of at least 1"),
        ("batch_size", _is_count(training.batch_size), "an integer of at least 1"),
        ("lr", 0 < training.lr < float("inf"), "a finite number above 0"),
        ("optimizer", training.optimizer in ("adamw", "adam", "sgd"), '"adamw", "adam" or "sgd"'),
        ("schedule", training.schedule in ("onecycle", None), '"onecycle" or None'),
        ("patience", training.patience is None or _is_count(training.patience),
         "an integer of at least 1, or None"),
    ]  # fmt: skip
    for name, good, expected in rules:
        if not good:
            raise ValueError(
                f"Training's {name} is {getattr(training, name)!r}; expected {expected}."
            )
    augmentation = as_augmentation(training.augmentation)
    if augmentation is not None:
        check_augmentation(augmentation)


def _is_count(value: Any) -> bool:
    integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return integer and bool(value >= 1)


def _split(
    n: int, groups: npt.ArrayLike | None, patience: int | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    """Rows to train on, and rows of other patients to validate on."""
    if n < 1:
        raise ValueError("There are no samples to train on; expected at least 1.")
    everything = np.arange(n)
    if patience is None:
        return everything, None
    blocks = 10 * everything // n if groups is None else np.asarray(groups)
    if len(blocks) != n:
        raise ValueError(f"groups has {len(blocks)} entries; expected one for each of {n} samples.")
    patients = np.unique(blocks)
    if len(patients) < 2:
        raise ValueError(
            f"patience is {patience}, but the data hold one patient only, so none can validate; "
            "expected at least two. Set patience=None or give more."
        )
    chosen = patients[VALIDATION_EVERY - 1 :: VALIDATION_EVERY]
    held = np.isin(blocks, chosen if len(chosen) else patients[-1:])
    return everything[~held], everything[held]
