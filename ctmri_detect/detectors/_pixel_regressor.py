"""One direction of the cross-modal prediction: features of a pixel to mean and variance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from ctmri_detect.networks.device import PortableNetwork, isolated_generators, resolve_device
from ctmri_detect.networks.training import Training, fit_network

if TYPE_CHECKING:
    from torch import Tensor

_MSE_SHARE = 0.3  # of the training: squared error first, or the variance swallows what is hard
_MSE_WEIGHT = 10.0
_ROWS = 16_384  # pixels predicted at a time: one slice of 128 x 128

Vector = npt.NDArray[np.float32]


class PixelRegressor(PortableNetwork, BaseEstimator):
    """Mean and variance of an intensity, from the features of its pixel.

    Parameters
    ----------
    width : int
        Units of each hidden layer.
    training : Training
    device : str
    random_state : int
    """

    def __init__(self, width: int, training: Training, device: str, random_state: int) -> None:
        self.width = width
        self.training = training
        self.device = device
        self.random_state = random_state

    def fit(self, features: Vector, target: Vector) -> PixelRegressor:
        """Fit on pixels: features ``(n, n_features)``, intensities ``(n,)``."""
        from ctmri_detect.networks.pixel import PixelNetwork

        self.scaler_ = StandardScaler(copy=True).fit(features)
        spread = float(target.std(dtype=np.float64))
        self.center_ = float(target.mean(dtype=np.float64))
        self.scale_ = spread if spread > 1e-6 else 1.0
        self.device_ = resolve_device(self.device)
        with isolated_generators(self.random_state):
            self.network_ = PixelNetwork(features.shape[1], self.width)
        inputs = self.scaler_.transform(features).astype(np.float32)
        with one_thread():
            self.history_ = fit_network(
                self.network_,
                (inputs, ((target - self.center_) / self.scale_).astype(np.float32)),
                negative_log_likelihood,
                self.training,
                random_state=self.random_state,
                device=self.device_,
                precision="float32",
            )
        self.network_.double()
        return self

    def predict(self, features: Vector) -> tuple[Vector, Vector]:
        """Mean and variance ``(n,)`` of each pixel's intensity."""
        import torch

        # in double precision, or the last digits would depend on how memory happens to be aligned
        inputs = torch.tensor(self.scaler_.transform(features), dtype=torch.float64)
        mean, variance = np.empty(len(inputs), np.float32), np.empty(len(inputs), np.float32)
        with torch.inference_mode(), one_thread():
            for start in range(0, len(inputs), _ROWS):
                part = slice(start, start + _ROWS)
                m, log_variance = self.network_(inputs[part].to(self.device_))
                mean[part] = m.cpu().numpy()
                variance[part] = log_variance.exp().cpu().numpy()
        return mean * self.scale_ + self.center_, variance * self.scale_**2


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread for a while.

    The layers are so small that a second thread gains nothing, and where anything else runs on
    the machine, waiting for it made them thirty times slower.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def negative_log_likelihood(
    output: tuple[Tensor, Tensor], target: Tensor, progress: float
) -> Tensor:
    """Ten times the squared error at first, then the Gaussian negative log-likelihood."""
    mean, log_variance = output
    error = (target - mean) ** 2
    if progress < _MSE_SHARE:
        return _MSE_WEIGHT * error.mean()
    return 0.5 * (error * (-log_variance).exp() + log_variance).mean()
