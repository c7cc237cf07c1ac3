"""A U-Net that removes coarse noise, and so learns what a healthy pair looks like."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ctmri_detect.networks.pair_network import PairNetwork
from ctmri_detect.networks.unet import CHANNELS, UNet

NOISE_GRID = 16  # cells along each side on which the noise is drawn, as Kascenas et al. do


class DenoisingUNet(PairNetwork):
    """Mean and log-variance of a clean pair, predicted from a pair with coarse noise.

    The idea is that of Kascenas et al. [1]_. In training, Gaussian noise is drawn on a grid of 16 x
    16 cells, enlarged to the image, moved at random and added to each plane where it was observed;
    its blobs have the size of lesions. No noise is added when scoring: the network then removes
    lesions as if they were noise.

    Parameters
    ----------
    predict_variance : bool, default=True
        Whether a log-variance is predicted beside the mean.
    noise : float, default=1.5
        Standard deviation of the noise, in standard deviations of a plane's intensities.
    channels : sequence of int, default=(16, 32, 64, 96)
        Channels at full resolution and after each halving.
    n_planes : int, default=2
        Planes of a sample.

    References
    ----------
    .. [1] Kascenas, Pugeault, O'Neil (2022), "Denoising autoencoders for unsupervised anomaly
       detection in brain MRI", MIDL, PMLR 172:653-664.

    Examples
    --------
    >>> z, seen = torch.zeros(1, 2, 32, 32), torch.ones(1, 2, 32, 32)
    >>> DenoisingUNet(channels=(4, 8)).eval().reconstruct(z, seen).shape  # means, log-variances
    torch.Size([1, 4, 32, 32])
    """

    def __init__(
        self,
        predict_variance: bool = True,
        noise: float = 1.5,
        channels: Sequence[int] = CHANNELS,
        n_planes: int = 2,
    ) -> None:
        super().__init__(predict_variance, n_planes)
        self.config |= {"noise": float(noise), "channels": [int(c) for c in channels]}
        self.noise = float(noise)
        self.net = UNet(2 * n_planes, channels, n_planes * (2 if predict_variance else 1))

    def reconstruct(self, z: Tensor, seen: Tensor) -> Tensor:
        """All outputs for standardised planes, 0 where they were not observed."""
        if self.training:
            z = z + seen * self.noise * coarse_noise(z)
        out: Tensor = self.net(torch.cat([z, seen], dim=1))
        return out

    def encode(self, z: Tensor, seen: Tensor) -> Tensor:
        """The deepest features: ``(n, channels[-1], rows, columns)``."""
        return self.halved(z, seen, self.most_depth)

    @property
    def most_depth(self) -> int:
        """One halving less than there are scales."""
        return len(self.config["channels"]) - 1

    def halved(self, z: Tensor, seen: Tensor, depth: int) -> Tensor:
        """Features of the scale after `depth` halvings."""
        features: Tensor = self.net.encode(torch.cat([z, seen], dim=1))[depth]
        return features


def coarse_noise(like: Tensor) -> Tensor:
    """Standard Gaussian noise on a coarse grid, enlarged bilinearly and moved at random.

    Examples
    --------
    >>> coarse_noise(torch.zeros(3, 2, 40, 48)).shape
    torch.Size([3, 2, 40, 48])
    """
    n, planes, height, width = like.shape
    grid = torch.randn(n, planes, NOISE_GRID, NOISE_GRID, device=like.device, dtype=like.dtype)
    noise = F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)
    down, right = (int(torch.randint(side, ())) for side in (height, width))
    return noise.roll((down, right), dims=(2, 3))
