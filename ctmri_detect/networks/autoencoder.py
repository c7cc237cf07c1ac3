"""A convolutional autoencoder of pairs with a dense bottleneck, and its loss."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctmri_detect.networks.likelihood import bounded, trimmed_likelihood

LEAST_GRID = 2  # batch normalisation needs more than one pixel even of a single sample
PLANE_DROPOUT = 0.1  # how often a training sample loses one of its planes at the input


class PairAutoencoder(nn.Module):
    """Squeeze a pair through a few numbers, and predict mean and log-variance of each pixel.

    Convolutions of stride 2 lead to a dense bottleneck, transposed ones back. Two of the four
    input channels say what was observed; one plane is withheld from a tenth of the training
    samples, so that a missing modality is nothing new.

    Parameters
    ----------
    image_shape : (int, int)
        Height and width; padded inside to a multiple of ``2 ** len(channels)``.
    latent_dim : int, default=128
    channels : sequence of int, default=(32, 64, 128, 256)
        Channels after each halving.
    predict_variance : bool, default=True
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int],
        latent_dim: int = 128,
        channels: Sequence[int] = (32, 64, 128, 256),
        predict_variance: bool = True,
    ) -> None:
        super().__init__()
        self.config = {
            "image_shape": [int(side) for side in image_shape],
            "latent_dim": int(latent_dim),
            "channels": [int(c) for c in channels],
            "predict_variance": bool(predict_variance),
        }
        factor = 2 ** len(channels)
        grid = tuple(max(LEAST_GRID, -(-side // factor)) for side in image_shape)
        self.padded_shape = tuple(side * factor for side in grid)
        self.register_buffer("center", torch.zeros(1, 2, 1, 1))
        self.register_buffer("scale", torch.ones(1, 2, 1, 1))
        widths = (4, *channels)
        down = [_down(a, b) for a, b in pairwise(widths)]
        cells = channels[-1] * grid[0] * grid[1]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(cells, latent_dim))
        back = channels[::-1]
        up = [_up(a, b) for a, b in pairwise(back)]
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, cells),
            nn.Unflatten(1, (channels[-1], *grid)),
            nn.LeakyReLU(0.1),
            *up,
            nn.ConvTranspose2d(channels[0], 4 if predict_variance else 2, 4, stride=2, padding=1),
        )

    def standardise(self, x: Tensor) -> Tensor:
        """Pairs in units of the training intensities, NaN where nothing was observed."""
        return (x - self.center) / self.scale

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs ``(n, 2, h, w)``, NaN allowed, to mean and log-variance of the standardised."""
        z = self.standardise(x)
        seen = ~torch.isnan(z)
        if self.training:
            seen = seen & _kept_planes(seen)
        inputs = torch.cat([torch.where(seen, z, 0.0), seen.to(z.dtype)], dim=1)
        height, width = x.shape[-2:]
        below, right = self.padded_shape[0] - height, self.padded_shape[1] - width
        top, left = below // 2, right // 2
        padded = F.pad(inputs, (left, right - left, top, below - top))
        out = self.decoder(self.encoder(padded))[..., top : top + height, left : left + width]
        mean, log_variance = out[:, :2], out[:, 2:]
        if log_variance.shape[1] == 0:
            return mean, torch.zeros_like(mean)
        return mean, bounded(log_variance)

    def loss(self, out: tuple[Tensor, Tensor], target: Tensor, progress: float) -> Tensor:
        """10 x the squared error at first, then the Gaussian negative log-likelihood.

        Over the observed pixels of `target`. Without predicted variance it stays with the
        squared error.
        """
        mean, log_variance = out
        z = self.standardise(target)
        seen = ~torch.isnan(z)
        error = (z[seen] - mean[seen]) ** 2
        progress = progress if self.config["predict_variance"] else 0.0
        return trimmed_likelihood(error, log_variance[seen], progress)


def _down(c_in: int, c_out: int) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, 4, stride=2, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.LeakyReLU(0.1))


def _up(c_in: int, c_out: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.LeakyReLU(0.1))


def _kept_planes(seen: Tensor) -> Tensor:
    """Withhold one plane from some of the samples that have both: bool ``(n, 2, 1, 1)``."""
    n = len(seen)
    both = seen.flatten(2).any(dim=2).all(dim=1)
    dropped = torch.rand(n, device=seen.device) < PLANE_DROPOUT
    which = torch.rand(n, device=seen.device) < 0.5
    lost = torch.stack([dropped & which & both, dropped & ~which & both], dim=1)
    return ~lost[:, :, None, None]
