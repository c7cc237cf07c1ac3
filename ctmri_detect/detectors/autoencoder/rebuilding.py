"""Run a trained network on a block of pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect.networks.torch_settings import own_settings

Block = npt.NDArray[np.float32]


def rebuild(network: Any, X: Block, *, device: str, engine: str) -> tuple[Block, Block]:
    """Mean and log-variance of each pixel, in units of the training intensities.

    Parameters
    ----------
    network : PairNetwork
    X : float32 array (n, n_planes, height, width)
    device : str
        Where the network is.
    engine : {"torch", "onnxruntime"}

    Returns
    -------
    mean, log_variance : float32 arrays (n, n_planes, height, width)
    """
    if engine == "onnxruntime":
        from ctmri_detect.networks.onnx import onnx_session

        mean, log_variance = onnx_session(network, X.shape[2:]).run(None, {"pairs": X})
        return mean, log_variance
    mean, log_variance = _run(network, X, device)
    return mean, log_variance


def latent(network: Any, X: Block, *, device: str) -> Block:
    """Latent features ``(n, d)`` of a block."""
    return _run(lambda x: (network.latent(x),), X, device)[0]


def encoded(network: Any, X: Block, depth: int | None, *, device: str) -> Block:
    """The encoder's features of a block: ``(n, d)`` or ``(n, d, rows, columns)``."""
    return _run(lambda x: (network.encode_pairs(x, depth),), X, device)[0]


@own_settings()
def _run(function: Callable[..., Any], X: Block, device: str) -> list[Block]:
    """Outputs of a torch function for a block, as numpy arrays."""
    import torch

    with torch.inference_mode():
        x = torch.tensor(X, device=device)  # a copy is aligned in memory: same sums each time
        return [part.cpu().numpy() for part in function(x)]
