"""U-Nets that predict each plane from the others, or from its own mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctmri_detect.networks.pair_network import PlaneNetwork

CHANNELS = (16, 32, 64, 96)  # at 1, 1/2, 1/4 and 1/8 of the resolution


class PairUNet(PlaneNetwork):
    """Mean and log-variance of every plane of a sample, each by a U-Net of its own.

    The U-Nets are those of Ronneberger et al. [1]_, with fewer channels. A plane is predicted from
    what `views` names: the other planes, its own mirror image, or both (then the other planes'
    mirror images, too). A pixel never takes part in its own prediction. With more than two planes,
    one is withheld from a tenth of the training samples.

    Parameters
    ----------
    views : sequence of {"other", "mirror"}
        What a prediction may see: the other planes, the plane's own mirror image.
    trim : float, default=0.0
        Share of the worst predicted pixels that the likelihood leaves out.
    channels : sequence of int, default=(16, 32, 64, 96)
        Channels of each scale.
    n_planes : int, default=2
        Planes of a sample.

    References
    ----------
    .. [1] Ronneberger, Fischer, Brox (2015), "U-Net: convolutional networks for biomedical image
       segmentation", MICCAI, LNCS 9351:234-241.

    Examples
    --------
    >>> network = PairUNet(views=("other",), channels=(4, 8))
    >>> network.config["views"], len(network.nets)  # a U-Net for each plane
    (['other'], 2)
    """

    def __init__(
        self,
        views: Sequence[str],
        trim: float = 0.0,
        channels: Sequence[int] = CHANNELS,
        n_planes: int = 2,
    ) -> None:
        super().__init__(n_planes, trim)
        self.config |= {
            "views": list(views),
            "trim": float(trim),
            "channels": [int(c) for c in channels],
            "n_planes": int(n_planes),
        }
        self.views = tuple(views)
        self._others = [[p for p in range(n_planes) if p != t] for t in range(n_planes)]
        # other planes and their masks, the mirror image and its mask, mirrored others, the place
        n_others, mirrored = n_planes - 1, "mirror" in views
        n_inputs = 2 * mirrored + 2 + ("other" in views) * n_others * (2 + mirrored)
        self.nets = nn.ModuleList(UNet(n_inputs, channels, 2) for _ in range(n_planes))

    def withholds_planes(self) -> bool:
        """Only with three or more planes: of two, one has to remain to predict from."""
        return self.n_planes > 2

    def reconstruct(self, z: Tensor, seen: Tensor) -> Tensor:
        """Means, then log-variances of all planes: ``(n, 2 n_planes, h, w)``."""
        outputs = [
            net(torch.cat([*self._inputs(z, seen, target), _place(z)], dim=1))
            for target, net in enumerate(self.nets)
        ]
        return torch.cat([out[:, k : k + 1] for k in range(2) for out in outputs], dim=1)

    def _inputs(self, z: Tensor, seen: Tensor, target: int) -> list[Tensor]:
        """Inputs of the network of one target."""
        own, others = slice(target, target + 1), self._others[target]
        mirrored, mirrored_seen = z.flip(-1), seen.flip(-1)
        shown = []
        if "other" in self.views:
            shown += [z[:, others], seen[:, others]]
        if "mirror" in self.views:
            shown += [mirrored[:, own], mirrored_seen[:, own]]
        if len(self.views) == 2:
            shown.append(mirrored[:, others])
        return shown

    def used(self, seen: Tensor) -> Tensor:
        """Where a plane was observed and, with "other" in `views`, another plane too."""
        if "other" not in self.views:
            return seen
        return seen & torch.stack([seen[:, others].any(dim=1) for others in self._others], dim=1)


def _place(z: Tensor) -> Tensor:
    """Height and distance from the midline of each pixel, -1..1 and 0..1."""
    n, _, height, width = z.shape
    y = torch.linspace(-1, 1, height, dtype=z.dtype, device=z.device)
    x = torch.linspace(-1, 1, width, dtype=z.dtype, device=z.device).abs()
    place = torch.stack(torch.meshgrid(y, x, indexing="ij"))
    return place.expand(n, 2, height, width)


class UNet(nn.Module):
    """Two convolutions at each scale; padded inside to a multiple of ``2 ** (n_scales - 1)``.

    Parameters
    ----------
    n_inputs : int
        Planes of the input.
    channels : sequence of int
        Channels at full resolution and after each halving: one number a scale.
    n_outputs : int
        Planes of the output.
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
