"""The one function that trains a network."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._extras import require
from ctmri_detect.networks.training.settings import Training, check_training

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


def fit_network(
    module: nn.Module,
    data: Any,
    loss: Callable[..., Any],
    training: Training,
    *,
    random_state: int,
    device: str = "auto",
    groups: npt.ArrayLike | None = None,
    own_generator: bool = False,
) -> pd.DataFrame:
    """Train a torch module in place, through skorch.

    Global random generators and the number of torch's threads are left as they were. Create the
    module inside ``isolated_generators(seed)``, so that its initial weights don't change them
    either. A module that was trained before is trained further.

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
        Settings of the training.
    random_state : int
        Order of the samples, augmentation, dropout.
    device : str, default="auto"
        As in `resolve_device`; the accelerator's, if `training` has one.
    groups : array-like (n,), default=None
        Patient of each sample; None takes ``data.groups`` if the data have it.
    own_generator : bool, default=False
        Don't use the global generators, so that several networks can be trained in
        threads. Only for arrays, and modules that draw no random numbers. The order of the
        samples is the same.

    Returns
    -------
    DataFrame
        One row an epoch: epoch, train_loss, valid_loss if there is one, seconds.

    Raises
    ------
    ValueError
        For a setting out of its range, without data, or for a checkpoint that is damaged.
    ImportError
        Without torch or skorch.
    RuntimeError
        If ``compile=True`` has nothing to compile with.
    FloatingPointError
        If the loss is no longer finite.

    Examples
    --------
    >>> import numpy as np, torch
    >>> x = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    >>> history = fit_network(
    ...     torch.nn.Linear(1, 1), (x, 2 * x), lambda out, target, _: ((out - target) ** 2).mean(),
    ...     Training(max_epochs=20, lr=0.1), random_state=0, device="cpu",
    ... )
    >>> bool(history["train_loss"].iloc[-1] < history["train_loss"].iloc[0])
    True
    """
    check_training(training, random_state)
    require("torch", extra="torch")
    require("skorch", extra="torch")
    from ctmri_detect.networks.training.run import run

    return run(
        module,
        data,
        loss,
        _with_plain_numbers(training),
        seed=random_state,
        device=device,
        groups=groups,
        own_generator=own_generator,
    )


def _with_plain_numbers(training: Training) -> Training:
    """The same settings as plain Python numbers: some functions of torch refuse numpy's."""
    plain = copy(training)
    for name, value in vars(training).items():
        if isinstance(value, np.generic):
            setattr(plain, name, value.item())
    return plain
