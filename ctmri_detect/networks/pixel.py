"""A small network that predicts one pixel's mean and log-variance from its features."""

from __future__ import annotations

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
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, n_features)`` to mean and log-variance, each ``(n,)``."""
        mean, log_variance = self.layers(features).unbind(dim=1)
        return mean, log_variance.clamp(-10, 10)  # never a variance of zero or infinity
