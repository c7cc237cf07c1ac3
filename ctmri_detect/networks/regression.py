"""Mean and variance of values from features, by a small network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from ctmri_detect._extras import require
from ctmri_detect._threads import map_threads
from ctmri_detect.networks.device import resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.rows import fit_on_rows, one_thread
from ctmri_detect.networks.training.settings import Training

if TYPE_CHECKING:
    from torch import Tensor

_SHARED = ("callbacks", "verbose", "log_dir", "checkpoint_dir", "compile")


Values = npt.NDArray[np.float32]


class NetworkRegressor(PortableNetwork, BaseEstimator):
    """Mean and variance of one or several values of a pixel or cell, from its features.

    A small network minimises the Gaussian negative log-likelihood. Values are standardised, so
    their units don't matter.

    Parameters
    ----------
    training : Training
    trim : float
        Share of the worst predicted values that training leaves out, 0 to below 1.
    device : str
        Where it is trained; predictions are numpy's, on the CPU.
    random_state : int
        Initial weights and order of the batches.
    width : int, default=64
        Units of each of the two hidden layers.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(2000, 1)).astype(np.float32)
    >>> training = Training(max_epochs=20, batch_size=100, lr=1e-2)
    >>> regressor = NetworkRegressor(training, 0.0, "cpu", 0).fit(x, x[:, 0] ** 2)
    >>> mean, variance = regressor.predict(np.array([[0.0], [1.0]], np.float32))
    >>> np.abs(mean.round()).tolist()
    [0.0, 1.0]
    """

    threadsafe = True  # several threads may call `predict` at once

    def __init__(
        self,
        training: Training,
        trim: float,
        device: str,
        random_state: int,
        width: int = 64,
    ) -> None:
        self.training = training
        self.trim = trim
        self.device = device
        self.random_state = random_state
        self.width = width

    def fits_in_threads(self) -> bool:
        """Whether several can be fitted at once: they must share no callback, file or GPU."""
        shared = any(getattr(self.training, name) for name in _SHARED)
        return not shared and resolve_device(self.device) == "cpu"

    def fit(self, features: Values, target: Values) -> NetworkRegressor:
        """Learn from features ``(n, n_features)`` and values ``(n,)`` or ``(n, n_values)``."""
        require("torch", extra="torch")
        from ctmri_detect.networks.pixel import new_network

        self.scaler_ = StandardScaler(copy=True).fit(features)
        targets = target.reshape(len(target), -1)
        self.single_ = target.ndim == 1
        self.center_, self.scale_ = center_and_scale(targets)
        self.device_ = resolve_device(self.device)
        self.network_ = new_network(
            features.shape[1], self.random_state, self.width, targets.shape[1]
        )
        inputs = self.scaler_.transform(features).astype(np.float32)
        self.history_ = fit_on_rows(
            self.network_,
            (
                inputs,
                ((targets - self.center_) / self.scale_).astype(np.float32),
            ),
            partial(_loss, trim=self.trim),
            self.training,
            random_state=self.random_state,
            device=self.device_,
        )
        self.network_ = self.network_.cpu()  # scoring is numpy's
        self.device_ = "cpu"
        return self

    def predict(self, features: Values) -> tuple[Values, Values]:
        """Mean and variance of the values, each of the shape that `fit` was given."""
        return next(self.predict_each([features]))

    def predict_each(self, parts: Iterable[Values]) -> Iterator[tuple[Values, Values]]:
        """`predict` for the features of one image after the other."""
        from ctmri_detect.networks.pixel import folded_layers, predict_pixels

        layers = folded_layers(self.network_, self.scaler_.mean_, self.scaler_.scale_)
        for features in parts:
            mean, log_variance = predict_pixels(layers, features)
            center, scale = (v.astype(np.float32)[:, None] for v in (self.center_, self.scale_))
            variance = np.exp(log_variance) * np.square(self.scale_).astype(np.float32)[:, None]
            mean = mean * scale + center
            yield (mean[0], variance[0]) if self.single_ else (mean.T, variance.T)


def fit_regressors(jobs: Sequence[tuple[Any, Values, Values]]) -> list[Any]:
    """Fit each regressor to its features and values; small networks in threads.

    They need `fits_in_threads()` besides `fit`.
    """
    if not all(regressor.fits_in_threads() for regressor, _, _ in jobs):
        return [regressor.fit(features, values) for regressor, features, values in jobs]
    with one_thread():  # and so has each worker
        return map_threads(lambda job: job[0].fit(*job[1:]), jobs)


def center_and_scale(
    target: npt.NDArray[np.floating[Any]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and spread of each column, float64 ``(n_values,)``; 1 where a column is constant.

    Examples
    --------
    >>> center_and_scale(np.array([[1.0, 5.0], [3.0, 5.0]]))
    (array([2., 5.]), array([1., 1.]))
    """
    columns = target.reshape(len(target), -1).T  # one by one: sums don't depend on their number
    spread = np.array([column.std(dtype=np.float64) for column in columns])
    center = np.array([column.mean(dtype=np.float64) for column in columns])
    return center, np.where(spread > 1e-6, spread, 1.0)


def _loss(output: tuple[Tensor, Tensor], target: Tensor, progress: float, trim: float) -> Tensor:
    from ctmri_detect.networks.likelihood import trimmed_likelihood

    mean, log_variance = output
    return trimmed_likelihood(
        ((target - mean) ** 2).flatten(), log_variance.flatten(), progress, trim
    )
