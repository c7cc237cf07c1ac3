"""Base classes of networks of pairs: units, masks, the loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ctmri_detect.networks.likelihood import bounded, trimmed_likelihood

PLANE_DROPOUT = 0.1  # how often a training sample loses one of its planes at the input


class PlaneNetwork(nn.Module):
    """Mean and log-variance of each pixel of each plane, in units of the training intensities.

    A subclass writes ``reconstruct(z, seen)``. `z` holds the standardised planes, with 0 where
    nothing was observed; `seen` is 1 where something was observed, else 0.

    Parameters
    ----------
    n_planes : int, default=2
        Planes of a sample.
    trim : float, default=0.0
        Share of the worst predicted pixels that the loss leaves out.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, n_planes: int = 2, trim: float = 0.0) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}
        self.n_planes, self.trim = int(n_planes), float(trim)
        self.register_buffer("center", torch.zeros(1, n_planes, 1, 1, dtype=torch.float32))
        self.register_buffer("scale", torch.ones(1, n_planes, 1, 1, dtype=torch.float32))

    def reconstruct(self, z: Tensor, seen: Tensor) -> Tensor:
        """Means of all planes, then log-variances where they are predicted, along axis 1."""
        raise NotImplementedError(f"{type(self).__name__} has to write reconstruct(z, seen).")

    def standardise(self, x: Tensor) -> Tensor:
        """Pairs in units of the training intensities, NaN where nothing was observed."""
        return (x - self.center) / self.scale

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised planes, 0 where not observed or withheld; and the mask, 0 there, else 1."""
        z = self.standardise(x)
        seen = ~torch.isnan(z)
        if self.training and self.withholds_planes():
            seen = seen & _kept_planes(seen)
        return torch.where(seen, z, 0.0), seen.to(z.dtype)

    def withholds_planes(self) -> bool:
        """Whether some training samples lose a plane, so that the network can do without one."""
        return True

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs ``(n, n_planes, h, w)``, NaN allowed, to mean and log-variance."""
        return self.moments(self.reconstruct(*self.inputs(x)))

    def moments(self, out: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and bounded log-variance from the output of `reconstruct`; 0 without a variance."""
        mean, log_variance = out[:, : self.n_planes], out[:, self.n_planes :]
        if log_variance.shape[1] == 0:
            return mean, torch.zeros_like(mean)
        return mean, bounded(log_variance)

    def used(self, seen: Tensor) -> Tensor:
        """Pixels that the loss compares, out of the observed ones."""
        return seen

    def loss(self, out: tuple[Tensor, Tensor], target: Tensor, progress: float) -> Tensor:
        """`trimmed_likelihood` over the observed pixels of `target`."""
        mean, log_variance = out[0], out[1]
        z = self.standardise(target)
        used = self.used(~torch.isnan(z))
        error = (z[used] - mean[used]) ** 2
        return trimmed_likelihood(error, log_variance[used], progress, self.trim)


class PairNetwork(PlaneNetwork):
    """Rebuild a pair: mean and log-variance of each pixel.

    A subclass writes ``reconstruct(z, seen)``, ``encode(z, seen)`` and ``halved(z, seen, depth)``,
    see `PlaneNetwork`. A tenth of the training samples lose one plane at the input, so that the
    network can do without one.

    Parameters
    ----------
    predict_variance : bool, default=True
        Whether `reconstruct` also returns log-variances.
    n_planes : int, default=2
        Planes of a sample.
    """

    def __init__(self, predict_variance: bool = True, n_planes: int = 2) -> None:
        super().__init__(n_planes)
        self.config |= {"predict_variance": bool(predict_variance), "n_planes": int(n_planes)}

    def encode(self, z: Tensor, seen: Tensor) -> Tensor:
        """Latent features ``(n, d)``, or on a grid over the image ``(n, d, rows, columns)``."""
        raise NotImplementedError(f"{type(self).__name__} has to write encode(z, seen).")

    @property
    def most_depth(self) -> int:
        """How often the encoder halves the image."""
        raise NotImplementedError(f"{type(self).__name__} has to write most_depth.")

    def halved(self, z: Tensor, seen: Tensor, depth: int) -> Tensor:
        """Features of the encoder after `depth` halvings, on a grid that covers the image."""
        raise NotImplementedError(f"{type(self).__name__} has to write halved(z, seen, depth).")

    def encode_pairs(self, x: Tensor, depth: int | None = None) -> Tensor:
        """`encode` of pairs ``(n, n_planes, h, w)``, NaN allowed; or `halved`, one cell a stride.

        Cell ``(i, j)`` of `halved` begins at pixel ``(i, j) * 2**depth``; the last cells may reach
        beyond the image.
        """
        if depth is None:
            return self.encode(*self.inputs(x))
        rows, columns = (-(-side // 2**depth) for side in x.shape[-2:])
        return self.halved(*self.inputs(x), depth)[..., :rows, :columns]

    def latent(self, x: Tensor) -> Tensor:
        """Latent features of pairs, averaged over a grid: ``(n, d)``."""
        encoded = self.encode_pairs(x)
        return encoded if encoded.ndim == 2 else encoded.mean(dim=(2, 3))

    def loss(self, out: tuple[Tensor, Tensor], target: Tensor, progress: float) -> Tensor:
        """As in `PlaneNetwork`; without predicted variance always the squared error."""
        return super().loss(out, target, progress if self.config["predict_variance"] else 0.0)


def _kept_planes(seen: Tensor) -> Tensor:
    """Withhold one plane from some of the samples that have several: bool ``(n, planes, 1, 1)``."""
    n, n_planes = seen.shape[:2]
    several = seen.flatten(2).any(dim=2).sum(dim=1) > 1
    dropped = torch.rand(n, device=seen.device, dtype=torch.float32) < PLANE_DROPOUT
    which = torch.rand(n, device=seen.device, dtype=torch.float32)
    planes = torch.arange(n_planes, device=seen.device)
    lost = (dropped & several)[:, None] & ((which * n_planes).long()[:, None] == planes)
    return ~lost[:, :, None, None]
