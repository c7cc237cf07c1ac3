"""One network for all planes: each is predicted from a sum over the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctmri_detect.networks.planes_prediction import Layers
from ctmri_detect.networks.torch_settings import own_settings


class PlanesNetwork(nn.Module):
    """Mean and log-variance of values of each plane, from features of all other planes.

    A linear map of its own takes the features of each plane into one common space. A plane is
    predicted from the sum over the other planes, and from columns of its own. A plane that is
    missing adds nothing to the sum. Time and memory are in proportion to the number of planes.

    Parameters
    ----------
    n_planes : int
    n_features : int
        Of each plane.
    n_own : int
        Columns that only the prediction of one plane sees, such as the place.
    width : int, default=64
        Units of each of two hidden layers.
    n_values : int, default=1
        Values of each plane that are predicted.
    """

    def __init__(
        self, n_planes: int, n_features: int, n_own: int, width: int = 64, n_values: int = 1
    ) -> None:
        super().__init__()
        self.config = {
            "n_planes": n_planes,
            "n_features": n_features,
            "n_own": n_own,
            "width": width,
            "n_values": n_values,
        }

        def made(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(shape, dtype=torch.float32))

        self.shared = made(n_planes, n_features + 1, width)  # the last: that the plane was seen
        self.own = made(n_planes, n_own, width)
        self.bias = made(n_planes, 1, width)
        self.hidden, self.hidden_bias = made(n_planes, width, width), made(n_planes, 1, width)
        self.last, self.last_bias = (
            made(n_planes, width, 2 * n_values),
            made(n_planes, 1, 2 * n_values),
        )

    def draw_weights(self, generator: torch.Generator) -> None:
        """Uniform, as torch does for linear layers."""
        n_planes, n_features, width = self.shared.shape
        n_inputs = (n_planes - 1) * n_features + self.own.shape[1]
        firsts = (self.shared, self.own, self.bias)
        rest = (self.hidden, self.hidden_bias, self.last, self.last_bias)
        for layers, n_before in ((firsts, n_inputs), (rest, width)):
            for layer in layers:
                bound = 1 / math.sqrt(n_before)
                nn.init.uniform_(layer, -bound, bound, generator=generator)

    def forward(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of `Columns.table` to mean and log-variance, each ``(n, n_planes * n_values)``."""
        n_planes, n_features, _ = self.shared.shape
        cut = n_planes * n_features
        sources = columns[:, :cut].view(-1, n_planes, n_features).transpose(0, 1)
        own = columns[:, cut:].view(-1, n_planes, self.own.shape[1]).transpose(0, 1)
        each = torch.bmm(sources, self.shared)
        x = torch.baddbmm(each.sum(dim=0) - each + self.bias, own, self.own)
        x = torch.baddbmm(self.hidden_bias, F.hardswish(x), self.hidden)
        out = torch.baddbmm(self.last_bias, F.hardswish(x), self.last).transpose(0, 1)
        mean, log_variance = out.chunk(2, dim=2)
        return mean.flatten(1), log_variance.flatten(1).clamp(-10, 10)


@own_settings()
def new_planes_network(seed: int, **config: int) -> PlanesNetwork:
    """A network with random initial weights; the global generator is not used."""
    network = PlanesNetwork(**config)
    with torch.no_grad():
        network.draw_weights(torch.Generator().manual_seed(seed))
    return network


def folded_planes(network: PlanesNetwork, scales: dict[str, npt.NDArray[Any]]) -> Layers:
    """The weights for features in their own units.

    Parameters
    ----------
    network : PlanesNetwork
        On the CPU.
    scales : dict of str to array
        "features", "own": mean and standard deviation in training, each ``(2, n_planes,
        n_features)``.
    """
    w = {
        name: value.detach().numpy().astype(np.float64).swapaxes(1, 2)
        for name, value in network.named_parameters()
    }
    center, scale = scales["features"]
    shared = np.concatenate([w["shared"][..., :-1] / scale[:, None], w["shared"][..., -1:]], axis=2)
    shared[..., -1] -= (shared[..., :-1] @ center[..., None])[..., 0]  # only where it was seen
    center, scale = scales["own"]
    own = w["own"] / scale[:, None]
    bias = w["bias"] - own @ center[..., None]
    parts = (
        shared / 6,
        np.concatenate([own / 6, bias / 6 + 0.5], axis=2),
        np.concatenate([w["hidden"], w["hidden_bias"] / 6 + 0.5], axis=2),
        np.concatenate([6 * w["last"], w["last_bias"]], axis=2),
    )
    return Layers(*(part.astype(np.float32) for part in parts))
