"""What all networks that rebuild a pair have in common: units, masks, the loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ctmri_detect.networks.likelihood import bounded, trimmed_likelihood

PLANE_DROPOUT = 0.1  # how often a training sample loses one of its planes at the input


class PairNetwork(nn.Module):
    """Rebuild a pair: mean and log-variance of each pixel.

    A network writes ``reconstruct(z, seen)`` and ``encode(z, seen)``; `z` holds the standardised
    planes with 0 where nothing was observed, `seen` says where. One plane is withheld from a tenth
    of the training samples, so that a missing modality is nothing new.

    Parameters
    ----------
    predict_variance : bool, default=True
        Whether `reconstruct` gives two more planes, of log-variance.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, predict_variance: bool = True) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"predict_variance": bool(predict_variance)}
        self.register_buffer("center", torch.zeros(1, 2, 1, 1, dtype=torch.float32))
        self.register_buffer("scale", torch.ones(1, 2, 1, 1, dtype=torch.float32))

    def reconstruct(self, z: Tensor, seen: Tensor) -> Tensor:
        """Mean, and where wanted log-variance, of both planes: ``(n, 2 or 4, h, w)``."""
        raise NotImplementedError(f"{type(self).__name__} has to write reconstruct(z, seen).")

    def encode(self, z: Tensor, seen: Tensor) -> Tensor:
        """Latent features ``(n, d)``."""
        raise NotImplementedError(f"{type(self).__name__} has to write encode(z, seen).")

    def standardise(self, x: Tensor) -> Tensor:
        """Pairs in units of the training intensities, NaN where nothing was observed."""
        return (x - self.center) / self.scale

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised planes with 0 where nothing is shown, and where something is (0 or 1)."""
        z = self.standardise(x)
        seen = ~torch.isnan(z)
        if self.training:
            seen = seen & _kept_planes(seen)
        return torch.where(seen, z, 0.0), seen.to(z.dtype)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs ``(n, 2, h, w)``, NaN allowed, to mean and log-variance of the standardised."""
        return moments(self.reconstruct(*self.inputs(x)))

    def latent(self, x: Tensor) -> Tensor:
        """Latent features of pairs: ``(n, d)``."""
        return self.encode(*self.inputs(x))

    def loss(self, out: tuple[Tensor, Tensor], target: Tensor, progress: float) -> Tensor:
        """10 x the squared error at first, then the Gaussian negative log-likelihood.

        Over the observed pixels of `target`. Without predicted variance it stays with the
        squared error.
        """
        mean, log_variance = out[0], out[1]
        z = self.standardise(target)
        seen = ~torch.isnan(z)
        error = (z[seen] - mean[seen]) ** 2
        progress = progress if self.config["predict_variance"] else 0.0
        return trimmed_likelihood(error, log_variance[seen], progress)


def moments(out: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and bounded log-variance, 0 without one, from the outputs of a network."""
    mean, log_variance = out[:, :2], out[:, 2:]
    if log_variance.shape[1] == 0:
        return mean, torch.zeros_like(mean)
    return mean, bounded(log_variance)


def _kept_planes(seen: Tensor) -> Tensor:
    """Withhold one plane from some of the samples that have both: bool ``(n, 2, 1, 1)``."""
    n = len(seen)
    both = seen.flatten(2).any(dim=2).all(dim=1)
    dropped = torch.rand(n, device=seen.device, dtype=torch.float32) < PLANE_DROPOUT
    which = torch.rand(n, device=seen.device, dtype=torch.float32) < 0.5
    lost = torch.stack([dropped & which & both, dropped & ~which & both], dim=1)
    return ~lost[:, :, None, None]
