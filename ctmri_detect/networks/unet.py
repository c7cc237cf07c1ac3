"""U-Nets that predict each plane of a pair from the other, or from its own mirror image.

References
----------
.. [1] Ronneberger, Fischer, Brox (2015), "U-Net: convolutional networks for biomedical image
   segmentation", MICCAI, LNCS 9351:234-241.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctmri_detect.networks.likelihood import bounded, trimmed_likelihood

CHANNELS = (16, 32, 64, 96)  # at 1, 1/2, 1/4 and 1/8 of the resolution


class PairUNet(nn.Module):
    """Mean and log-variance of both planes of a pair, each by a U-Net of its own [1]_.

    A plane is predicted from what `views` names: the other plane, its own mirror image, or both
    (then the other plane's mirror image too). Its own pixels are never shown to it.

    Parameters
    ----------
    views : sequence of {"other", "mirror"}
    trim : float
        Share of the worst predicted pixels that the likelihood leaves out.
    channels : sequence of int, default=(16, 32, 64, 96)
        Channels of each scale.
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self, views: Sequence[str], trim: float = 0.0, channels: Sequence[int] = CHANNELS
    ) -> None:
        super().__init__()
        self.config = {
            "views": list(views),
            "trim": float(trim),
            "channels": [int(c) for c in channels],
        }
        self.views, self.trim = tuple(views), float(trim)
        self.register_buffer("center", torch.zeros(1, 2, 1, 1, dtype=torch.float32))
        self.register_buffer("scale", torch.ones(1, 2, 1, 1, dtype=torch.float32))
        n_inputs = 2 * len(views) + (len(views) == 2) + 2  # planes, their masks, the place
        self.nets = nn.ModuleList(UNet(n_inputs, channels, 2) for _ in range(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs ``(n, 2, h, w)``, NaN allowed, to mean and log-variance of the standardised."""
        z = (x - self.center) / self.scale
        seen = (~torch.isnan(z)).to(z.dtype)
        z = torch.nan_to_num(z)
        outputs = [
            net(torch.cat([*self._inputs(z, seen, target), _place(z)], dim=1))
            for target, net in enumerate(self.nets)
        ]
        mean = torch.stack([out[:, 0] for out in outputs], dim=1)
        return mean, bounded(torch.stack([out[:, 1] for out in outputs], dim=1))

    def _inputs(self, z: Tensor, seen: Tensor, target: int) -> list[Tensor]:
        """What the network of one target is shown."""
        own, other = slice(target, target + 1), slice(1 - target, 2 - target)
        mirrored, mirrored_seen = z.flip(-1), seen.flip(-1)
        shown = []
        if "other" in self.views:
            shown += [z[:, other], seen[:, other]]
        if "mirror" in self.views:
            shown += [mirrored[:, own], mirrored_seen[:, own]]
        if len(self.views) == 2:
            shown.append(mirrored[:, other])
        return shown

    def loss(self, out: tuple[Tensor, Tensor], target: Tensor, progress: float) -> Tensor:
        """Squared error first, then the trimmed Gaussian likelihood, over observed pixels."""
        mean, log_variance = out
        z = (target - self.center) / self.scale
        used = ~torch.isnan(z)
        if "other" in self.views:
            used = used.all(dim=1, keepdim=True).expand_as(z)
        error = (z[used] - mean[used]) ** 2
        return trimmed_likelihood(error, log_variance[used], progress, self.trim)


def _place(z: Tensor) -> Tensor:
    """Height and distance from the midline of each pixel, -1..1 and 0..1."""
    n, _, height, width = z.shape
    y = torch.linspace(-1, 1, height, dtype=z.dtype, device=z.device)
    x = torch.linspace(-1, 1, width, dtype=z.dtype, device=z.device).abs()
    place = torch.stack(torch.meshgrid(y, x, indexing="ij"))
    return place.expand(n, 2, height, width)


class UNet(nn.Module):
    """Four scales, two convolutions at each [1]_; padded inside to a multiple of 8.

    Parameters
    ----------
    n_inputs : int
    channels : sequence of int
        Channels at full resolution and after each halving.
    n_outputs : int
    """

    def __init__(self, n_inputs: int, channels: Sequence[int], n_outputs: int) -> None:
        super().__init__()
        self.factor = 2 ** (len(channels) - 1)
        self.down = nn.ModuleList(_block(a, b) for a, b in pairwise((n_inputs, *channels)))
        back = tuple(channels)[::-1]
        self.up = nn.ModuleList(_block(a + b, b) for a, b in pairwise(back))
        self.out = nn.Conv2d(channels[0], n_outputs, 1, dtype=torch.float32)

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of each scale, finest first."""
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.factor, 0, -height % self.factor))
        x = x.contiguous(memory_format=torch.channels_last)
        scales: list[Tensor] = []
        for k, block in enumerate(self.down):
            scales.append(block(F.avg_pool2d(scales[-1], 2) if k else x))
        return scales

    def forward(self, x: Tensor) -> Tensor:
        """Planes ``(n, n_inputs, h, w)`` to ``(n, n_outputs, h, w)``."""
        *skipped, deep = self.encode(x)
        for block, skip in zip(self.up, skipped[::-1], strict=True):
            wide = F.interpolate(deep, scale_factor=2, mode="bilinear", align_corners=False)
            deep = block(torch.cat([wide, skip], dim=1))
        out: Tensor = self.out(deep)[..., : x.shape[-2], : x.shape[-1]]
        return out


def _block(n_in: int, n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a in (n_in, n_out):
        conv = nn.Conv2d(a, n_out, 3, padding=1, bias=False, dtype=torch.float32)
        layers += [conv, nn.BatchNorm2d(n_out, dtype=torch.float32), nn.SiLU()]
    return nn.Sequential(*layers)
