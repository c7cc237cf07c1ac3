"""Predict each plane by a U-Net of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator

from ctmri_detect._extras import require
from ctmri_detect._random import isolated_generators
from ctmri_detect.base import Traits
from ctmri_detect.detectors.cross_modal.predictor import Prediction, Predictor
from ctmri_detect.detectors.cross_modal.views import Block, ViewSet, predictable
from ctmri_detect.detectors.standardise import standardise
from ctmri_detect.networks.device import resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.torch_settings import own_settings
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import PairReader


class UNetPredictor(Predictor):
    """A U-Net for each plane and view set.

    Parameters
    ----------
    training : Training
    trim : float, default=0.02
        Share of the worst predicted pixels that training leaves out.
    device : str, default="auto"

    Attributes
    ----------
    nets_ : list of ViewUNets
        For each view set, the U-Nets of all planes.
    """

    traits = Traits(missing_modality=True)

    def __init__(self, training: Training, trim: float = 0.02, device: str = "auto") -> None:
        self.training = training
        self.trim = trim
        self.device = device

    def fit(
        self, X: PairReader, view_sets: Sequence[ViewSet], rng: np.random.RandomState
    ) -> UNetPredictor:
        """Train on all slices, one view set after the other."""
        require("torch", extra="torch")
        self.nets_ = [
            ViewUNets(views, self.training, self.trim, self.device).fit(X, rng)
            for views in view_sets
        ]
        return self

    def predict(self, block: Block) -> list[Prediction]:
        """Mean and variance of every plane, ``(n, planes, height, width)``, by view set."""
        return [net.predict(block) for net in self.nets_]

    def coarse(self, block: Block, plane: int) -> Prediction:
        """Mean and variance of one plane by the first view set, at full resolution."""
        mean, variance = self.nets_[0].predict(block)
        return mean[:, plane], variance[:, plane]


class ViewUNets(PortableNetwork, BaseEstimator):
    """The U-Nets of all planes for one view set.

    Parameters
    ----------
    views : tuple of {"other", "mirror"}
    training : Training
    trim : float
    device : str
    """

    def __init__(self, views: ViewSet, training: Training, trim: float, device: str) -> None:
        self.views = views
        self.training = training
        self.trim = trim
        self.device = device

    @own_settings()
    def fit(self, X: PairReader, rng: np.random.RandomState) -> ViewUNets:
        """Train on all slices."""
        import torch

        from ctmri_detect.networks.unet import PairUNet

        seed = int(rng.randint(2**31 - 1))
        self.device_ = resolve_device(self.device)
        with isolated_generators(seed):
            self.network_ = PairUNet(self.views, self.trim, n_planes=X.shape[1])
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

    @own_settings()
    def predict(self, X: Block) -> Prediction:
        """Mean and variance of every plane, ``(n, planes, height, width)`` each."""
        import torch

        with torch.inference_mode():
            # a copy is aligned in memory: same sums each time
            out = self.network_(torch.tensor(X, device=self.device_))
        mean, log_variance = (part.float().cpu().numpy() for part in out)
        scale = self.network_.scale.cpu().numpy()
        mean = mean * scale + self.network_.center.cpu().numpy()
        able, nothing = predictable(X, self.views), np.float32(np.nan)
        variance = np.exp(log_variance) * scale**2
        return np.where(able, mean, nothing), np.where(able, variance, nothing)
