"""Detect what an autoencoder that was trained on healthy pairs cannot rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ctmri_detect._extras import require
from ctmri_detect._parameters import (
    BOOLEAN,
    DEVICE,
    RANDOM_STATE,
    Constraints,
    OneOf,
    SequenceOf,
    integer,
    number,
)
from ctmri_detect._random import isolated_generators, own_random_state
from ctmri_detect._types import RandomState
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.detectors.autoencoder.objectives import OBJECTIVES, RESIDUALS, Design
from ctmri_detect.detectors.autoencoder.outputs import NetworkOutputs
from ctmri_detect.detectors.autoencoder.rebuilding import rebuild
from ctmri_detect.detectors.autoencoder.residuals import residual
from ctmri_detect.detectors.autoencoder.warm_start import check_warm_start, joined
from ctmri_detect.detectors.standardise import standardise
from ctmri_detect.networks.device import resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training, check_training
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader


class ConvAutoencoderDetector(NetworkOutputs, PortableNetwork, BasePairedDetector):
    """Rebuild a pair with a network trained on healthy pairs; what it can't rebuild is anomalous.

    The `objective` keeps the network from rebuilding a lesion: a narrow bottleneck ("plain",
    "uncertainty", "variational"), or the removal of coarse noise ("denoising"). If a variance is
    predicted, the network says how large an error it expects at each pixel. So cortex and edges,
    which no network rebuilds sharply, count for less. One network sees all planes (one or more), so
    each helps to rebuild the others. Samples with missing planes can be scored.

    It works on lesions that are larger or stronger than the blur of the reconstruction. It fails
    on small or faint lesions, on lesions that look like healthy tissue of that place, and with
    few training slices. With a large `latent_dim`, or many epochs on pairs with lesions, the
    network learns the lesions too. The measured figures are in docs/results.md.

    Parameters
    ----------
    objective : {"denoising", "plain", "uncertainty", "variational"}, default="denoising"
        "denoising": a U-Net removes coarse noise [1]_, [2]_. "plain": a dense bottleneck, squared
        error [3]_. "uncertainty": the same with predicted variance [4]_. "variational": the
        bottleneck is a distribution, the residual that of the reconstruction probability [5]_.
    predict_variance : bool or None, default=None
        Predict a log-variance for each pixel, and standardise by it. None means False for "plain",
        True for the others.
    residual : {"standardised", "difference", "ssim"} or None, default=None
        ``(x - m) / sd``; ``x - m`` in the units of X; or 1 - SSIM (0 to 2) with the sign of
        ``x - m``. None means "standardised" with a predicted variance, else "difference".
    latent_dim : int, default=128
        Numbers in the bottleneck, 1 or more; "denoising" has none.
    channels : sequence of int or None, default=None
        Channels at each scale. More channels cost time; more scales see further. None means
        (16, 32, 64, 96) for "denoising", from full resolution down by halves, else
        (32, 64, 128, 256) after each halving.
    noise : float, default=1.5
        SD of the coarse noise of "denoising", in SDs of a plane's intensities; 0 or more.
    beta : float, default=1.0
        Weight of the divergence of "variational", 0 or more (see Notes).
    warm_start : bool, default=False
        Train the fitted network further, and add to `history_`. Needs eight patients or more,
        the same `groups` as before, and no ``MapScoring(cross_fit=True)``; otherwise the network
        has seen the held-out patients.
    training : Training, default=None
        Settings of the training; None means ``Training(max_epochs=30, batch_size=8, lr=2e-3,
        augmentation="flip")``. "denoising" needs 400 to 1000 steps (slices x epochs / batch size):
        with fewer it finds little, with many more it learns to copy.
    map_scoring : MapScoring, default=None
        None means `MapScoring()`, and ``MapScoring(smoothing=1.0)`` for "denoising", whose
        residuals are less noisy (chosen on seed 110).
    device : str, default="auto"
        Where the network is trained and run: "auto" (CUDA if there is), "cpu", "cuda".
    engine : {"torch", "onnxruntime"}, default="torch"
        What runs the network in scoring; "onnxruntime" uses the CPU, float32, and the extra `onnx`.
    random_state : int, RandomState or None, default=None
        Initial weights, order of batches, noise, augmentation.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    training_ : Training
        The settings in use.
    history_ : DataFrame
        One row an epoch of the last training: epoch, train_loss, seconds, and valid_loss where
        patients validate.
    device_ : str
        The device in use.
    map_scoring_ : MapScoring
        Fitted; turns residuals into maps and scores.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    ``z`` is the pair in units of the training intensities (mean 0, SD 1 of each plane); ``m, v``
    are the network's mean and variance. The loss is ``10 (z - m)^2`` for the first 30 % of the
    steps, so that a large variance can't replace learning the difficult pixels; then
    ``((z - m)^2 / v + log v) / 2``, over the observed pixels. "variational" adds ``beta`` times the
    divergence of the latent distribution from the standard normal. A tenth of the training
    samples lose one plane at the input; the network predicts it from the others.

    References
    ----------
    .. [1] Kascenas, Pugeault, O'Neil (2022), "Denoising autoencoders for unsupervised anomaly
       detection in brain MRI", MIDL, PMLR 172:653-664.
    .. [2] Ronneberger, Fischer, Brox (2015), "U-Net", MICCAI, LNCS 9351:234-241.
    .. [3] Baur, Denner, Wiestler, Navab, Albarqouni (2021), "Autoencoders for unsupervised anomaly
       segmentation in brain MR images: a comparative study", Medical Image Analysis 69:101952.
    .. [4] Nix, Weigend (1994), "Estimating the mean and variance of the target probability
       distribution", ICNN.
    .. [5] An, Cho (2015), "Variational autoencoder based anomaly detection using reconstruction
       probability", SNU Data Mining Center, 2015-2 Special Lecture on IE.

    Examples
    --------
    >>> from ctmri_detect import ConvAutoencoderDetector
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 16, 16))
    >>> detector = ConvAutoencoderDetector(channels=(8, 8), random_state=0)
    >>> detector.set_params(training__max_epochs=2).fit(X, groups=np.arange(20) // 4)
    ConvAutoencoderDetector(...)
    >>> detector.anomaly_map(X[:3]).shape, detector.transform(X).shape
    ((3, 16, 16), (20, 8))
    """

    history_: pd.DataFrame

    traits = Traits(missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "objective": [OneOf(*OBJECTIVES)],
        "predict_variance": [*BOOLEAN, None],
        "residual": [OneOf(*RESIDUALS), None],
        "latent_dim": [integer(1)],
        "channels": [
            SequenceOf("an integer of 1 or more for each scale, as in (16, 32, 64)", integer(1)),
            None,
        ],
        "noise": [number(0)],
        "beta": [number(0)],
        "warm_start": BOOLEAN,
        "training": [Training, None],
        "map_scoring": [MapScoring, None],
        "device": DEVICE,
        "engine": [OneOf("torch", "onnxruntime")],
        "random_state": RANDOM_STATE,
    }
    _resolved: ClassVar[dict[str, str]] = {
        "map_scoring": "_default_map_scoring",
        "training": "_default_training",
    }

    def __init__(
        self,
        objective: Literal["denoising", "plain", "uncertainty", "variational"] = "denoising",
        *,
        predict_variance: bool | None = None,
        residual: Literal["standardised", "difference", "ssim"] | None = None,
        latent_dim: int = 128,
        channels: Sequence[int] | None = None,
        noise: float = 1.5,
        beta: float = 1.0,
        warm_start: bool = False,
        training: Training | None = None,
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        engine: Literal["torch", "onnxruntime"] = "torch",
        random_state: RandomState = None,
    ) -> None:
        self.objective = objective
        self.predict_variance = predict_variance
        self.residual = residual
        self.latent_dim = latent_dim
        self.channels = channels
        self.noise = noise
        self.beta = beta
        self.warm_start = warm_start
        self.training = training
        self.map_scoring = map_scoring
        self.device = device
        self.engine = engine
        self.random_state = random_state

    def _default_training(self) -> Training:
        return Training(max_epochs=30, batch_size=8, lr=2e-3, augmentation="flip")

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring(smoothing=1.0) if self.objective == "denoising" else MapScoring()

    @property
    def _design(self) -> Design:
        shape = self.latent_dim, self.channels, self.noise, self.beta
        return Design(self.objective, self.predict_variance, *shape)

    def _check_parameters(self) -> None:
        self._design.check(self.residual)
        check_training(self.training, self.random_state)

    def _fitted_before(self) -> bool:
        return self.warm_start and hasattr(self, "network_")

    def _prepare(self, X: PairReader) -> None:
        if self._fitted_before():
            with isolated_generators(0):  # only the settings of the new network are compared
                asked = self._design.build(X.shape[1:])
            n_patients = len(np.unique(np.asarray(X.groups)))
            check_warm_start(self.network_, asked, n_patients, self.map_scoring, self.map_scoring_)

    def _fit(self, X: PairReader) -> None:
        require("torch", extra="torch")
        training = self._default_training() if self.training is None else self.training
        self.training_ = clone(training)
        seed = own_random_state(self.random_state).randint(2**31 - 1)
        self.device_ = resolve_device(self.device)
        before: pd.DataFrame | None = None
        if self._fitted_before():
            before, self.network_ = self.history_, deepcopy(self.network_)
        else:
            with isolated_generators(seed):
                self.network_ = self._design.build(X.shape[1:])
            standardise(self.network_, X)
        fitted = self.network_
        history = fit_network(
            fitted, X, fitted.loss, self.training_, random_state=seed, device=self.device_
        )
        self.history_ = joined(before, history)

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        rebuilt = rebuild(self.network_, X, device=self.device_, engine=self.engine)
        return residual(self._design.residual(self.residual), X, rebuilt, self.network_)
