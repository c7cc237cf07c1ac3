"""Predict each plane of a pair from what else is known of the head: two ways, one interface.

`views` says from what: ``("other",)`` the other plane, ``("mirror",)`` the plane's own mirror
image, ``("other", "mirror")`` both. A plane's own pixels are never shown to its prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._random import isolated_generators
from ctmri_detect.detectors.cross_modal.pixel_features import PairFeatures, Places
from ctmri_detect.detectors.cross_modal.pixel_fit import fit_on_pixels, predictable
from ctmri_detect.detectors.standardise import standardise
from ctmri_detect.imageops.recalibrate import recalibrate
from ctmri_detect.networks.device import resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.torch_settings import own_settings
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import CT, MRI, PairReader

Views = tuple[str, ...]
Block = npt.NDArray[np.float32]  # (n, 2, height, width)
Prediction = tuple[Block, Block]  # mean and variance; NaN where nothing is predicted


class PixelPredictor(BaseEstimator):
    """A regressor for each plane, from a multi-scale filter bank at each pixel.

    Parameters
    ----------
    views : tuple of str
    regressor : PixelRegressor or RegressorPair
        Cloned for each plane.
    pixels_per_slice : int
        Pixels of each training slice that the regressors see.
    """

    def __init__(self, views: Views, regressor: Any, pixels_per_slice: int) -> None:
        self.views = views
        self.regressor = regressor
        self.pixels_per_slice = pixels_per_slice

    def fit(self, X: PairReader, rng: np.random.RandomState) -> PixelPredictor:
        """Fit on random pixels of each slice."""
        fit_on_pixels([self], X, rng)
        return self

    def describe(self, X: Block) -> PairFeatures:
        """What `predict` needs of a block; predictors of the same block may share it."""
        return PairFeatures(X)

    def predict(
        self, X: Block, described: PairFeatures, targets: Sequence[int] = (CT, MRI)
    ) -> Prediction:
        """Mean and variance, ``(n, 2, height, width)`` each; NaN in planes that are no target."""
        mean, variance = np.full((2, *X.shape), np.nan, np.float32)
        for target in targets:
            for n, (where, m, v) in enumerate(self.predict_each(X, described, target)):
                mean[n, target].ravel()[where] = m
                variance[n, target].ravel()[where] = v
        return mean, variance

    def predict_each(
        self, X: Block, described: PairFeatures, target: int
    ) -> Iterator[tuple[Places, Block, Block]]:
        """Where one plane is predicted, mean and variance there, one sample after the other."""
        able = predictable(X, self.views)[:, target]
        places = [np.flatnonzero(plane) for plane in able]
        told = self.regressors_[target].predict_each(
            described.columns(n, target, self.views, where) for n, where in enumerate(places)
        )
        for where, (mean, variance) in zip(places, told, strict=True):
            yield where, mean, variance

    def predict_blocks(
        self, X: Block, described: PairFeatures, target: int, side: int
    ) -> Prediction:
        """One plane's mean and variance from the mean features of square blocks of pixels.

        Near the block means of `predict`, in a share of the time; for ``views=("other",)``.
        """
        shape = (len(X), X.shape[2] // side, X.shape[3] // side)
        mean, variance = np.full((2, *shape), np.nan, np.float32)
        for n, able in enumerate(predictable(X, self.views)[:, target]):
            features, places = described.block_means(n, target, able, side)
            if len(places):
                m, v = self.regressors_[target].predict(features)
                mean[n].ravel()[places], variance[n].ravel()[places] = m, v
        return mean, variance


def standardised_pixels(
    predictors: Sequence[PixelPredictor], X: Block, described: PairFeatures
) -> list[Block]:
    """Difference to each recalibrated prediction in its SDs; NaN where there is none.

    Sample by sample through all predictors, which so share what they see of a pixel.
    """
    parts = [np.full(X.shape, np.nan, np.float32) for _ in predictors]
    for target in (CT, MRI):
        streams = [predictor.predict_each(X, described, target) for predictor in predictors]
        for n, answers in enumerate(zip(*streams, strict=True)):
            for part, (where, mean, variance) in zip(parts, answers, strict=True):
                if len(where):
                    observed = X[n, target].ravel()[where]
                    part[n, target].ravel()[where] = _deviation(observed, mean, variance)
    return parts


def standardised(X: Block, mean: Block, variance: Block) -> Block:
    """Difference to the recalibrated prediction in its SDs; NaN where there is none."""
    out = np.full(X.shape, np.nan, np.float32)
    for n in range(len(X)):
        for plane in (CT, MRI):
            seen = ~np.isnan(mean[n, plane]) & ~np.isnan(X[n, plane])
            if seen.any():
                values = (part[n, plane][seen] for part in (X, mean, variance))
                out[n, plane][seen] = _deviation(*values)
    return out


def _deviation(observed: Block, mean: Block, variance: Block) -> Block:
    """Of the pixels of one plane from their recalibrated prediction, in its SDs."""
    return np.asarray((observed - recalibrate(observed, mean, variance)) / np.sqrt(variance))


class UNetPredictor(PortableNetwork, BaseEstimator):
    """A U-Net for each plane.

    Parameters
    ----------
    views : tuple of str
    training : Training
    trim : float
        Share of the worst predicted pixels that training leaves out.
    device : str
    """

    def __init__(self, views: Views, training: Training, trim: float, device: str) -> None:
        self.views = views
        self.training = training
        self.trim = trim
        self.device = device

    @own_settings()
    def fit(self, X: PairReader, rng: np.random.RandomState) -> UNetPredictor:
        """Train on all slices."""
        import torch

        from ctmri_detect.networks.unet import PairUNet

        seed = int(rng.randint(2**31 - 1))
        self.device_ = resolve_device(self.device)
        with isolated_generators(seed):
            self.network_ = PairUNet(self.views, self.trim)
        standardise(self.network_, X)
        self.network_ = self.network_.to(self.device_, memory_format=torch.channels_last)
        self.history_ = fit_network(
            self.network_,
            X,
            self.network_.loss,
            self.training,
            random_state=seed,
            device=self.device_,
        )
        return self

    def describe(self, X: Block) -> Any:
        """Nothing but the block is needed."""
        return None

    @own_settings()
    def predict(self, X: Block, described: Any, targets: Sequence[int] = (CT, MRI)) -> Prediction:
        """Mean and variance of both planes, ``(n, 2, height, width)`` each."""
        import torch

        with torch.inference_mode():
            # a copy is aligned, and sums repeatable
            out = self.network_(torch.tensor(X, device=self.device_))
        mean, log_variance = (part.float().cpu().numpy() for part in out)
        scale = self.network_.scale.cpu().numpy()
        mean = mean * scale + self.network_.center.cpu().numpy()
        able = predictable(X, self.views)
        nothing = np.float32(np.nan)
        return np.where(able, mean, nothing), np.where(
            able, np.exp(log_variance) * scale**2, nothing
        )
