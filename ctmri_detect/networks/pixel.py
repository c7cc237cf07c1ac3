"""A small network that predicts one pixel's mean and log-variance from its features."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn


class PixelNetwork(nn.Module):
    """Two hidden layers; mean and log-variance of one standardised intensity.

    Parameters
    ----------
    n_features : int
    width : int, default=64
        Units of each hidden layer.
    """

    def __init__(self, n_features: int, width: int = 64) -> None:
        super().__init__()
        self.config = {"n_features": n_features, "width": width}
        self.layers = nn.Sequential(
            nn.Linear(n_features, width),
            nn.Hardswish(),  # as good as SiLU here, and without an exponential
            nn.Linear(width, width),
            nn.Hardswish(),
            nn.Linear(width, 2),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, n_features)`` to mean and log-variance, each ``(n,)``."""
        mean, log_variance = self.layers(features).unbind(dim=1)
        return mean, log_variance.clamp(-10, 10)  # never a variance of zero or infinity


def predict_pixels(
    network: PixelNetwork,
    features: npt.NDArray[np.float32],
    center: npt.NDArray[Any],
    scale: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What the network says, computed by numpy: several times as fast on one thread.

    Parameters
    ----------
    network : PixelNetwork
        On the CPU.
    features : float32 array (n, n_features)
    center, scale : arrays (n_features,)
        The features' mean and standard deviation in training; they are folded into the first
        layer.

    Returns
    -------
    mean, log_variance : float32 arrays (n,)
    """
    linear = [m for m in network.layers if isinstance(m, nn.Linear)]
    weights = [m.weight.detach().numpy().astype(np.float64) for m in linear]
    biases = [m.bias.detach().numpy().astype(np.float64) for m in linear]
    biases[0] = biases[0] - weights[0] @ (center / scale)
    weights[0] = weights[0] / scale
    x = features
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = x @ weight.T.astype(np.float32) + bias.astype(np.float32)
        if k < len(weights) - 1:
            x *= np.clip(x + np.float32(3), 0, 6) * np.float32(1 / 6)  # Hardswish
    return x[:, 0], np.clip(x[:, 1], -10, 10)
