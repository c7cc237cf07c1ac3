"""Small networks on the features of a pixel: mean and log-variance of values, or one logit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctmri_detect.networks.columns import with_ones
from ctmri_detect.networks.torch_settings import own_settings

_Network = TypeVar("_Network", bound=nn.Module)
_CHUNK = 2048  # pixels at a time: their activations stay in the cache


class PixelNetwork(nn.Module):
    """Two hidden layers; mean and log-variance of standardised values.

    Parameters
    ----------
    n_features : int
    width : int, default=64
        Units of each hidden layer.
    n_values : int, default=1
    """

    def __init__(self, n_features: int, width: int = 64, n_values: int = 1) -> None:
        super().__init__()
        self.config = {"n_features": n_features, "width": width, "n_values": n_values}
        self.layers = nn.Sequential(
            nn.Linear(n_features, width, dtype=torch.float32),
            nn.Hardswish(),  # as good as SiLU here, and without an exponential
            nn.Linear(width, width, dtype=torch.float32),
            nn.Hardswish(),
            nn.Linear(width, 2 * n_values, dtype=torch.float32),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, n_features)`` to mean and log-variance, each ``(n, n_values)``."""
        mean, log_variance = self.layers(features).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 10)  # never a variance of zero or infinity


class PixelClassifier(nn.Module):
    """A small network that says how likely a pixel is anomalous.

    Parameters
    ----------
    n_features : int
    hidden : sequence of int
        Units of each hidden layer.
    """

    def __init__(self, n_features: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.config = {"n_features": n_features, "hidden": list(hidden)}
        sizes, layers = [n_features, *hidden], []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after, dtype=torch.float32), nn.Hardswish()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1, dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        """``(n, n_features)`` to the logit, ``(n,)``."""
        return cast(Tensor, self.layers(features)[:, 0])


def new_network(n_features: int, seed: int, width: int = 64, n_values: int = 1) -> PixelNetwork:
    """A network with torch's default initial weights; the global generator is not used."""
    return _initialised(lambda: PixelNetwork(n_features, width, n_values), seed)


def new_classifier(n_features: int, hidden: Sequence[int], seed: int) -> PixelClassifier:
    """A classifier with torch's default initial weights; the global generator is not used."""
    return _initialised(lambda: PixelClassifier(n_features, hidden), seed)


@own_settings()
def _initialised(make: Callable[[], _Network], seed: int) -> _Network:
    with torch.device("meta"):
        network = make()
    network = network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            bound = 1 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return network


Layers = list[npt.NDArray[np.float32]]


def folded_layers(network: nn.Module, center: npt.NDArray[Any], scale: npt.NDArray[Any]) -> Layers:
    """The weights for `predict_pixels`: numpy on one thread is several times faster than torch.

    Parameters
    ----------
    network : PixelNetwork or PixelClassifier
        On the CPU.
    center, scale : arrays (n_features,)
        The features' mean and standard deviation in training; they are folded into the first
        layer.

    Returns
    -------
    list of float32 arrays
        Weights of each layer with its bias as last column.
    """
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    weights = [m.weight.detach().numpy().astype(np.float64) for m in linear]
    biases = [m.bias.detach().numpy().astype(np.float64) for m in linear]
    biases[0] = biases[0] - weights[0] @ (center / scale)
    weights[0] = weights[0] / scale
    for k in range(len(weights) - 1):  # z becomes (z + 3) / 6, and the next layer takes the 6
        weights[k], biases[k] = weights[k] / 6, biases[k] / 6 + 0.5
        weights[k + 1] = 6 * weights[k + 1]
    pairs = zip(weights, biases, strict=True)
    return [np.column_stack(pair).astype(np.float32) for pair in pairs]


def predict_pixels(
    layers: Layers, features: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean and log-variance of each pixel's values from the network.

    Parameters
    ----------
    layers : list of float32 arrays
        From `folded_layers`.
    features : float32 array (n, n_features)
        Fastest where it is the transpose of an array in C order.

    Returns
    -------
    mean, log_variance : float32 arrays (n_values, n)
    """
    mean, log_variance = np.split(outputs(layers, features), 2)
    return mean, np.clip(log_variance, -10, 10)


def outputs(layers: Layers, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Outputs of the last layer, ``(n_outputs, n)``, see `predict_pixels`."""
    columns = features.T
    out = np.empty((len(layers[-1]), len(features)), np.float32)
    for start in range(0, len(features), _CHUNK):
        part = slice(start, start + _CHUNK)
        x = with_ones(columns[:, part])
        for layer in layers[:-1]:
            y = np.empty((len(layer) + 1, x.shape[1]), np.float32)
            y[-1] = 1
            u = np.matmul(layer, x, out=y[:-1])  # (z + 3) / 6 of the activation's argument z
            gate = np.clip(u, 0, 1)
            u -= np.float32(0.5)
            u *= gate  # a sixth of Hardswish
            x = y
        np.matmul(layers[-1], x, out=out[:, part])
    return out
