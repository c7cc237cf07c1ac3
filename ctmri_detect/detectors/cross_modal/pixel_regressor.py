"""Regressors from the features of a pixel to mean and variance of its intensity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    clone,
    is_classifier,
    is_clusterer,
    is_outlier_detector,
)
from sklearn.preprocessing import StandardScaler

from ctmri_detect._extras import require
from ctmri_detect._parameters import HasMethods
from ctmri_detect._random import isolated_generators
from ctmri_detect._threads import map_threads
from ctmri_detect.networks.device import resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_VARIANCE = 1e-6  # of the target's: training errors can be 0, errors on new pixels are not
_SHARED = ("callbacks", "verbose", "log_dir", "checkpoint_dir", "compile")

Vector = npt.NDArray[np.float32]


class PixelRegressor(PortableNetwork, BaseEstimator):
    """Mean and variance of an intensity, from the features of its pixel, by a small network.

    Parameters
    ----------
    training : Training
    trim : float
        Share of the worst predicted pixels that training leaves out.
    device : str
    random_state : int
    """

    threadsafe = True  # several threads may call `predict` at once

    def __init__(self, training: Training, trim: float, device: str, random_state: int) -> None:
        self.training = training
        self.trim = trim
        self.device = device
        self.random_state = random_state

    def fits_in_threads(self) -> bool:
        """Whether several can be fitted at once: they must share no callback, file or GPU."""
        shared = any(getattr(self.training, name) for name in _SHARED)
        return not shared and resolve_device(self.device) == "cpu"

    def fit(self, features: Vector, target: Vector) -> PixelRegressor:
        """Fit on pixels: features ``(n, n_features)``, intensities ``(n,)``."""
        require("torch", extra="torch")
        from ctmri_detect.networks.pixel import new_network

        self.scaler_ = StandardScaler(copy=True).fit(features)
        self.center_, self.scale_ = _center_and_scale(target)
        self.device_ = resolve_device(self.device)
        self.network_ = new_network(features.shape[1], self.random_state)
        inputs = self.scaler_.transform(features).astype(np.float32)
        training = copy(self.training)
        training.precision, training.accelerator = "float32", None  # no gain for small layers
        with one_thread():
            self.history_ = fit_network(
                self.network_,
                (inputs, ((target - self.center_) / self.scale_).astype(np.float32)),
                partial(_loss, trim=self.trim),
                training,
                random_state=self.random_state,
                device=self.device_,
                own_generator=True,
            )
        self.network_ = self.network_.cpu()  # scoring is numpy's
        self.device_ = "cpu"
        return self

    def predict(self, features: Vector) -> tuple[Vector, Vector]:
        """Mean and variance ``(n,)`` of each pixel's intensity."""
        return next(self.predict_each([features]))

    def predict_each(self, parts: Iterable[Vector]) -> Iterator[tuple[Vector, Vector]]:
        """`predict` for the features of one image after the other."""
        from ctmri_detect.networks.pixel import folded_layers, predict_pixels

        layers = folded_layers(self.network_, self.scaler_.mean_, self.scaler_.scale_)
        for features in parts:
            mean, log_variance = predict_pixels(layers, features)
            variance = np.exp(log_variance) * np.float32(self.scale_**2)
            yield mean * np.float32(self.scale_) + np.float32(self.center_), variance


def fit_regressors(jobs: Sequence[tuple[Any, Vector, Vector]]) -> list[Any]:
    """Fit each regressor to its features and values; small networks in threads."""
    if not all(regressor.fits_in_threads() for regressor, _, _ in jobs):
        return [regressor.fit(features, values) for regressor, features, values in jobs]
    with one_thread():  # and so has each worker
        return map_threads(lambda job: job[0].fit(*job[1:]), jobs)


def is_regressor(value: object) -> bool:
    """Whether it is a regressor, fitted or not: no classifier, clusterer or outlier detector."""
    methods = HasMethods(["fit", "predict", "get_params", "set_params"])
    if isinstance(value, type) or not methods.is_satisfied_by(value):
        return False
    other = (is_classifier, is_clusterer, is_outlier_detector)
    return not (hasattr(value, "__sklearn_tags__") and any(kind(value) for kind in other))


class RegressorPair(BaseEstimator):
    """Two clones of any scikit-learn regressor: one for the mean, one for the log-variance.

    Parameters
    ----------
    regressor : estimator
        With `fit` and `predict`; cloned.
    trim : float
        Share of the worst predicted pixels that a second fit leaves out.
    random_state : int
    """

    threadsafe = False  # unknown for other people's regressors

    def __init__(self, regressor: BaseEstimator, trim: float, random_state: int) -> None:
        self.regressor = regressor
        self.trim = trim
        self.random_state = random_state

    def fits_in_threads(self) -> bool:
        """Never: it is unknown whether other people's regressors may."""
        return False

    def _clone(self) -> Any:
        made = clone(self.regressor)
        seeds = {k: self.random_state for k in made.get_params() if k.endswith("random_state")}
        return made.set_params(**seeds)

    def fit(self, features: Vector, target: Vector) -> RegressorPair:
        """Fit on pixels: features ``(n, n_features)``, intensities ``(n,)``."""
        with isolated_generators(self.random_state):  # some regressors, such as SVR, use them
            return self._fit(features, target)

    def _fit(self, features: Vector, target: Vector) -> RegressorPair:
        self.center_, self.scale_ = _center_and_scale(target)
        self.mean_ = self._clone().fit(features, target)
        error = (target - self.mean_.predict(features)) ** 2
        if self.trim > 0:
            used = error <= np.quantile(error, 1 - self.trim)
            features, target = features[used], target[used]
            self.mean_ = self._clone().fit(features, target)
            error = (target - self.mean_.predict(features)) ** 2
        self.least_ = _LEAST_VARIANCE * self.scale_**2
        self.log_variance_ = self._clone().fit(features, np.log(error + self.least_))
        guess = np.exp(self.log_variance_.predict(features))
        # the log of a squared normal variable lies 1.27 below that of its variance: rescale
        self.factor_ = float(np.mean(error / np.maximum(guess, self.least_)))
        return self

    def predict(self, features: Vector) -> tuple[Vector, Vector]:
        """Mean and variance ``(n,)`` of each pixel's intensity."""
        if not len(features):  # most regressors refuse it
            return np.empty(0, np.float32), np.empty(0, np.float32)
        variance = self.factor_ * np.exp(self.log_variance_.predict(features))
        mean = np.asarray(self.mean_.predict(features), dtype=np.float32)
        return mean, np.maximum(variance, self.least_).astype(np.float32)

    def predict_each(self, parts: Iterable[Vector]) -> Iterator[tuple[Vector, Vector]]:
        """`predict` for the features of one image after the other."""
        return map(self.predict, parts)


def _center_and_scale(target: Vector) -> tuple[float, float]:
    spread = float(target.std(dtype=np.float64))
    return float(target.mean(dtype=np.float64)), spread if spread > 1e-6 else 1.0


def _loss(output: tuple[Tensor, Tensor], target: Tensor, progress: float, trim: float) -> Tensor:
    from ctmri_detect.networks.likelihood import trimmed_likelihood

    mean, log_variance = output
    return trimmed_likelihood((target - mean) ** 2, log_variance, progress, trim)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread for a while.

    The layers are so small that a second thread gains nothing. On a busy machine, waiting for
    the second thread made them thirty times slower.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
