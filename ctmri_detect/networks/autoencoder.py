"""Autoencoders of pairs with a dense bottleneck: plain and variational."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctmri_detect.networks.pair_network import PairNetwork

LEAST_GRID = 2  # batch normalisation needs more than one pixel, also for a single sample
CHANNELS = (32, 64, 128, 256)
DRAWS = 8  # of the latent distribution when scoring


class PairAutoencoder(PairNetwork):
    """Encode a pair in a few numbers; predict mean and log-variance of each pixel from them.

    Convolutions of stride 2 lead to a dense bottleneck, transposed convolutions back. Half of the
    input channels are the masks of the planes: 1 where a pixel was observed, else 0.

    Parameters
    ----------
    image_shape : (int, int)
        Height and width; padded inside to a multiple of ``2 ** len(channels)``.
    latent_dim : int, default=128
        Numbers in the bottleneck.
    channels : sequence of int, default=(32, 64, 128, 256)
        Channels after each halving.
    predict_variance : bool, default=True
        Whether a log-variance is predicted beside the mean.
    n_planes : int, default=2
        Planes of a sample.

    Examples
    --------
    >>> network = PairAutoencoder((32, 32), latent_dim=5, channels=(4, 8)).eval()
    >>> z, seen = torch.zeros(1, 2, 32, 32), torch.ones(1, 2, 32, 32)
    >>> network.encode(z, seen).shape, network.reconstruct(z, seen).shape
    (torch.Size([1, 5]), torch.Size([1, 4, 32, 32]))
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        latent_dim: int = 128,
        channels: Sequence[int] = CHANNELS,
        predict_variance: bool = True,
        n_planes: int = 2,
    ) -> None:
        super().__init__(predict_variance, n_planes)
        self.config |= {
            "image_shape": [int(side) for side in image_shape],
            "latent_dim": int(latent_dim),
            "channels": [int(c) for c in channels],
        }
        factor = 2 ** len(channels)
        grid = tuple(max(LEAST_GRID, -(-side // factor)) for side in image_shape)
        self.padded_shape = tuple(side * factor for side in grid)
        down = [_block(nn.Conv2d, a, b) for a, b in pairwise((2 * n_planes, *channels))]
        cells = channels[-1] * grid[0] * grid[1]
        self.encoder = nn.Sequential(
            *down, nn.Flatten(), nn.Linear(cells, self._n_encoded(latent_dim), dtype=torch.float32)
        )
        up = [_block(nn.ConvTranspose2d, a, b) for a, b in pairwise(channels[::-1])]
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, cells, dtype=torch.float32),
            nn.Unflatten(1, (channels[-1], *grid)),
            nn.LeakyReLU(0.1),
            *up,
            _conv(nn.ConvTranspose2d, channels[0], n_planes * (2 if predict_variance else 1)),
        )

    def _n_encoded(self, latent_dim: int) -> int:
        return latent_dim

    def reconstruct(self, z: Tensor, seen: Tensor) -> Tensor:
        """All outputs for standardised planes, 0 where they were not observed."""
        return self.decode(self._encoded(z, seen), z.shape[-2:])

    def encode(self, z: Tensor, seen: Tensor) -> Tensor:
        """The bottleneck: ``(n, latent_dim)``."""
        return self._encoded(z, seen)

    @property
    def most_depth(self) -> int:
        """One halving for each of `channels`."""
        return len(self.config["channels"])

    def halved(self, z: Tensor, seen: Tensor, depth: int) -> Tensor:
        """Features after `depth` halvings; the grid begins at the first pixel."""
        below, right = (-side % 2**depth for side in z.shape[-2:])
        inputs = F.pad(torch.cat([z, seen], dim=1), (0, right, 0, below))
        features: Tensor = self.encoder[:depth](inputs)
        return features

    def decode(self, latent: Tensor, shape: Sequence[int]) -> Tensor:
        """All outputs on an image of `shape`."""
        top, left = ((a - b) // 2 for a, b in zip(self.padded_shape, shape, strict=True))
        out: Tensor = self.decoder(latent)[..., top : top + shape[0], left : left + shape[1]]
        return out

    def _encoded(self, z: Tensor, seen: Tensor) -> Tensor:
        inputs = torch.cat([z, seen], dim=1)
        below, right = (a - b for a, b in zip(self.padded_shape, z.shape[-2:], strict=True))
        top, left = below // 2, right // 2
        out: Tensor = self.encoder(F.pad(inputs, (left, right - left, top, below - top)))
        return out


class VariationalAutoencoder(PairAutoencoder):
    """A `PairAutoencoder` whose bottleneck is a distribution.

    This is a variational autoencoder [1]_. Training minimises the negative evidence lower bound per
    pixel; the divergence from the standard normal has the weight `beta`. In scoring, mean and
    variance of a pixel are those of the mixture over 8 draws of the latent: the reconstruction
    probability [2]_. The draws are stored in the network, so that a score is the same every time.

    Parameters
    ----------
    image_shape : (int, int)
        As of `PairAutoencoder`.
    latent_dim : int, default=128
        Numbers in the bottleneck.
    channels : sequence of int, default=(32, 64, 128, 256)
        Channels after each halving.
    predict_variance : bool, default=True
        Whether a log-variance is predicted beside the mean.
    beta : float, default=1.0
        Weight of the divergence.
    n_planes : int, default=2
        Planes of a sample.

    References
    ----------
    .. [1] Kingma, Welling (2014), "Auto-encoding variational Bayes", ICLR.
    .. [2] An, Cho (2015), "Variational autoencoder based anomaly detection using reconstruction
       probability", SNU Data Mining Center, 2015-2 Special Lecture on IE.

    Examples
    --------
    >>> network = VariationalAutoencoder((32, 32), latent_dim=5, channels=(4, 8)).eval()
    >>> network.encode(torch.zeros(1, 2, 32, 32), torch.ones(1, 2, 32, 32)).shape
    torch.Size([1, 5])
    """

    noise: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int],
        latent_dim: int = 128,
        channels: Sequence[int] = CHANNELS,
        predict_variance: bool = True,
        beta: float = 1.0,
        n_planes: int = 2,
    ) -> None:
        super().__init__(image_shape, latent_dim, channels, predict_variance, n_planes)
        self.config["beta"] = float(beta)
        self.beta = float(beta)
        half = torch.randn(DRAWS // 2, latent_dim, dtype=torch.float32)
        self.register_buffer("noise", torch.cat([half, -half]))

    def _n_encoded(self, latent_dim: int) -> int:
        return 2 * latent_dim

    def encode(self, z: Tensor, seen: Tensor) -> Tensor:
        """The mean of the latent distribution: ``(n, latent_dim)``."""
        return self._encoded(z, seen).chunk(2, dim=1)[0]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Mean and log-variance of the standardised pixels; in training also the divergence."""
        z, seen = self.inputs(x)
        mean, log_variance = self._encoded(z, seen).chunk(2, dim=1)
        log_variance = log_variance.clamp(-10, 10)
        spread = torch.exp(log_variance / 2)
        if self.training:
            latent = mean + spread * torch.randn_like(mean)
            divergence = 0.5 * (mean**2 + spread**2 - 1 - log_variance).sum(dim=1)
            return (*self.moments(self.decode(latent, x.shape[-2:])), divergence)
        latents = (mean + spread * noise for noise in self.noise)
        draws = [self.moments(self.decode(latent, x.shape[-2:])) for latent in latents]
        means = torch.stack([m for m, _ in draws])
        variances = torch.stack([v for _, v in draws]).exp()
        variance = variances.mean(dim=0) + means.var(dim=0, unbiased=False)
        return means.mean(dim=0), variance.log()

    def loss(self, out: tuple[Tensor, ...], target: Tensor, progress: float) -> Tensor:
        """Loss of the reconstruction, plus the divergence for each observed pixel."""
        rebuilt = super().loss((out[0], out[1]), target, progress)
        if len(out) == 2:  # validation
            return rebuilt
        pixels = (~torch.isnan(target)).sum().clamp(min=1)
        return rebuilt + self.beta * out[2].sum() / pixels


def _conv(kind: Any, c_in: int, c_out: int) -> nn.Module:
    """A convolution that halves, or a transposed one that doubles."""
    layer: nn.Module = kind(c_in, c_out, 4, stride=2, padding=1, dtype=torch.float32)
    return layer


def _block(kind: Any, c_in: int, c_out: int) -> nn.Sequential:
    norm = nn.BatchNorm2d(c_out, dtype=torch.float32)
    return nn.Sequential(_conv(kind, c_in, c_out), norm, nn.LeakyReLU(0.1))
