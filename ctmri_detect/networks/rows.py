"""Train a small network on rows of features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training


def fit_on_rows(
    network: Any,
    arrays: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    loss: Callable[..., Any],
    training: Training,
    *,
    random_state: int,
    device: str,
) -> pd.DataFrame:
    """Train in place, on one thread and in float32: small layers gain nothing from more.

    Parameters
    ----------
    network : torch.nn.Module
    arrays : (float32 array (n, n_features), float32 array)
        Features, and what the loss compares with.
    loss : callable
    training : Training
    random_state : int
    device : str

    Returns
    -------
    DataFrame
        One row an epoch.
    """
    training = copy(training)
    training.precision, training.accelerator = "float32", None
    with one_thread():
        return fit_network(
            network,
            arrays,
            loss,
            training,
            random_state=random_state,
            device=device,
            own_generator=True,
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread for a while.

    The layers are so small that a second thread gains nothing. On a busy machine, waiting for
    the second thread made them thirty times slower.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
