"""What a network that knows healthy pairs does not rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

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
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.base.estimator import PlainOutput
from ctmri_detect.detectors.autoencoder import parts
from ctmri_detect.detectors.standardise import standardise
from ctmri_detect.networks.device import PortableNetwork, resolve_device
from ctmri_detect.networks.training.settings import Training, check_training, fit_network
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader


class ConvAutoencoderDetector(PlainOutput, PortableNetwork, BasePairedDetector):
    """Rebuild a pair with a network that has seen healthy ones, and see what does not come back.

    What keeps the network from rebuilding a lesion is the `objective`: a narrow bottleneck
    ("plain", "uncertainty", "variational"), or the task of taking coarse noise away
    ("denoising"). A variance head says how wrong the network expects to be at each pixel, so that
    cortex and edges, which nothing rebuilds sharply, count for less. Both planes pass through one
    network, so each helps to rebuild the other, and one plane alone will do.

    It fails on lesions that are small or faint beside what the network blurs anyway, that look
    like healthy tissue of that place, and where the training slices are few. A large `latent_dim`
    or many epochs on contaminated data teach it the lesions too. The measured figures of each
    objective are in docs/results.md.

    Parameters
    ----------
    objective : {"denoising", "plain", "uncertainty", "variational"}, default="denoising"
        "denoising": a U-Net removes coarse noise [1]_, [2]_. "plain": a dense bottleneck, squared
        error [3]_. "uncertainty": the same with predicted variance [4]_. "variational": the
        bottleneck is a distribution, the residual that of the reconstruction probability [5]_.
    predict_variance : bool or None, default=None
        Predict a log-variance for each pixel and standardise by it. None means False for "plain",
        True for the others.
    residual : {"standardised", "difference", "ssim"} or None, default=None
        ``(x - m) / sd``; ``x - m`` in the units of X; or 1 - SSIM with the sign of the difference,
        0 to 2. None means "standardised" where a variance is predicted, else "difference".
    latent_dim : int, default=128
        Numbers in the bottleneck, 1 or more; "denoising" has none.
    channels : sequence of int or None, default=None
        Channels at each scale; more cost time, more scales see further. None means
        (16, 32, 64, 96) at full resolution and each halving for "denoising", else
        (32, 64, 128, 256) after each halving.
    noise : float, default=1.5
        SD of the coarse noise of "denoising", in SDs of a plane's intensities.
    beta : float, default=1.0
        Weight of the divergence of "variational".
    warm_start : bool, default=False
        `fit` goes on with the network at hand, and adds to `history_`; from eight patients on,
        and `groups` have to be the same, or held-out patients are no longer unseen.
    training : Training, default=None
        Settings of the optimisation; None means ``Training(max_epochs=30, batch_size=8, lr=2e-3,
        augmentation="flip")``. "denoising" wants 400 to 1000 steps (slices x epochs / batch size):
        fewer leave it blunt, many more teach it to copy.
    map_scoring : MapScoring, default=None
        None means `MapScoring()`, and ``MapScoring(smoothing=1.5, fusion="max")`` for "denoising"
        (chosen on seed 120).
    device : str, default="auto"
        Where the network is trained and run: "auto" (CUDA where it is), "cpu", "cuda".
    engine : {"torch", "onnxruntime"}, default="torch"
        What scores; onnxruntime runs on the CPU, in float32, and wants the extra `onnx`.
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
        The fitted way from residual to map and score.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    With ``z`` the pair in units of the training intensities (mean 0, SD 1 of each plane) and
    ``m, v`` the network's mean and variance, the loss is ``10 (z - m)^2`` for the first 30 % of
    the steps, which keeps the variance from explaining away what is merely hard, then
    ``((z - m)^2 / v + log v) / 2``, over the observed pixels; "variational" adds ``beta`` times the
    divergence of the latent distribution from the standard normal. One plane is withheld from a
    tenth of the training samples and has to be predicted from the other.

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

    traits = Traits(missing_modality=True)
    history_: Any
    _parameter_constraints: ClassVar[Constraints] = {
        "objective": [OneOf(*parts.OBJECTIVES)],
        "predict_variance": [*BOOLEAN, None],
        "residual": [OneOf(*parts.RESIDUALS), None],
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
        random_state: Any = None,
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
        if self.objective == "denoising":
            return MapScoring(smoothing=1.5, fusion="max")
        return MapScoring()

    def _check_parameters(self) -> None:
        parts.check_together(self)
        check_training(self.training, self.random_state)

    def _prepare(self, X: PairReader) -> None:
        if self._goes_on():
            parts.check_warm_start(self, X, X.groups)

    def _goes_on(self) -> bool:
        return self.warm_start and hasattr(self, "network_")

    def _fit(self, X: PairReader) -> None:
        require("torch", extra="torch")
        training = self._default_training() if self.training is None else self.training
        self.training_ = clone(training)
        seed = own_random_state(self.random_state).randint(2**31 - 1)
        self.device_ = resolve_device(self.device)
        start: Any = (self.network_, self.history_) if self._goes_on() else None
        if start is None:
            with isolated_generators(seed):
                self.network_ = parts.new_network(self, (X.shape[2], X.shape[3]))
            standardise(self.network_, X)
        else:
            self.network_ = deepcopy(start[0])
        history = fit_network(
            self.network_,
            X,
            self.network_.loss,
            self.training_,
            random_state=seed,
            device=self.device_,
        )
        self.history_ = parts.joined(start, history)

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return parts.residual(self, X)

    def transform(self, X: Any) -> npt.NDArray[np.float32]:
        """Latent features, for detectors that follow in a Pipeline.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)

        Returns
        -------
        float32 array (n_samples, n_features)
            The bottleneck, ``latent_dim`` numbers (the mean, for "variational"); for "denoising"
            the mean over the image of the deepest features, ``channels[-1]`` numbers.
        """
        reader = self._ready(X)
        return np.concatenate([parts.latent(self, block) for block in reader.blocks()])

    def export_onnx(self, path: Any) -> None:
        """Write the network as an ONNX file, for use without torch.

        Its input `pairs` is float32 ``(n, 2, height, width)`` with NaN where nothing was observed;
        its outputs `rebuilt_mean` and `rebuilt_log_variance`, of the same shape, are in units of
        the training intensities (mean 0, SD 1 of each plane).

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        ImportError
            Without the extra `onnx`.
        """
        check_is_fitted(self, "network_")
        from ctmri_detect.networks.onnx import onnx_bytes

        with open(path, "wb") as file:
            file.write(onnx_bytes(self.network_, self.image_shape_))
