"""What a narrow bottleneck cannot rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import check_random_state

from ctmri_detect._extras import require
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.detectors._standardise import standardise
from ctmri_detect.networks.device import PortableNetwork, isolated_generators, resolve_device
from ctmri_detect.networks.training import Training, check_training, fit_network
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader


class ConvAutoencoderDetector(PortableNetwork, BasePairedDetector):
    """Squeeze a pair through a narrow bottleneck, and see what does not come back.

    A convolutional autoencoder trained on normal pairs learns to rebuild normal anatomy from a
    few numbers; a lesion does not fit into them. With `predict_variance` the network also says
    how wrong it expects to be at each pixel, so that cortex and edges, which no bottleneck
    rebuilds sharply, count for less. Both planes pass through one bottleneck, so each helps to
    rebuild the other, and one plane alone will do.

    It fails on lesions that are small or faint beside what the bottleneck blurs anyway, and
    where the training slices are few: it interpolates between slices it has seen. On synthetic
    pairs (four development phantoms, 100 training slices) it reached a mean image AUROC of .80;
    `AtlasDetector`, which trains nothing, reached .78. A large `latent_dim` or many epochs on
    contaminated data teach it the lesions too.

    Parameters
    ----------
    latent_dim : int, default=128
        Numbers in the bottleneck, 1 or more. More rebuild finer detail, lesions included.
    channels : sequence of int, default=(32, 64, 128, 256)
        Channels after each halving of the image; more cost time, more halvings a smaller grid
        before the bottleneck.
    predict_variance : bool, default=True
        Predict a log-variance for each pixel and standardise by it; otherwise the residual is
        the plain difference, in the units of X.
    training : Training, default=None
        Settings of the optimisation; None means
        ``Training(max_epochs=30, batch_size=8, lr=2e-3, augmentation="flip")``: about 35 s of
        one CPU core for 100 slices of 128 x 128.
    map_scoring : MapScoring, default=None
        None means `MapScoring()`.
    device : str, default="auto"
        Where the network is trained and run: "auto" (CUDA where it is), "cpu", "cuda".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Number format in training (see `networks.device.resolve_precision`); scoring is float32.
    random_state : int, RandomState or None, default=None
        Initial weights, order of batches, augmentation.

    Attributes
    ----------
    network_ : PairAutoencoder
        The trained torch module.
    training_ : Training
        The settings in use.
    history_ : DataFrame
        One row an epoch of the last training: epoch, train_loss, seconds.
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
    ``((z - m)^2 / v + log v) / 2``, over the observed pixels. The residual is
    ``(z - m) / sqrt(v)``. One plane is withheld from a tenth of the training samples and has to
    be predicted from the other.

    References
    ----------
    Baur, Denner, Wiestler, Navab and Albarqouni (2021), Autoencoders for unsupervised anomaly
    segmentation in brain MR images: a comparative study, Medical Image Analysis 69:101952.
    Nix and Weigend (1994), Estimating the mean and variance of the target probability
    distribution, ICNN, for the likelihood.

    Examples
    --------
    >>> from ctmri_detect import ConvAutoencoderDetector
    >>> X = np.random.default_rng(0).normal(size=(16, 2, 16, 16))
    >>> detector = ConvAutoencoderDetector(latent_dim=4, channels=(8, 8), random_state=0)
    >>> detector.set_params(training__max_epochs=2).fit(X).anomaly_map(X[:3]).shape
    (3, 16, 16)
    """

    _tags: ClassVar[dict[str, bool]] = {"missing_modality": True}
    _resolved: ClassVar[dict[str, str]] = {
        "map_scoring": "_default_map_scoring",
        "training": "_default_training",
    }

    def __init__(
        self,
        latent_dim: int = 128,
        channels: Sequence[int] = (32, 64, 128, 256),
        predict_variance: bool = True,
        training: Training | None = None,
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        precision: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.channels = channels
        self.predict_variance = predict_variance
        self.training = training
        self.map_scoring = map_scoring
        self.device = device
        self.precision = precision
        self.random_state = random_state

    @classmethod
    def _default_training(cls) -> Training:
        return Training(max_epochs=30, batch_size=8, lr=2e-3, augmentation="flip")

    def _fit(self, X: PairReader) -> None:
        require("torch", extra="torch")
        from ctmri_detect.networks.autoencoder import PairAutoencoder

        self._check_parameters()
        training = self._default_training() if self.training is None else self.training
        check_training(training)
        self.training_ = clone(training).set_params(precision=self.precision)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.device_ = resolve_device(self.device)
        with isolated_generators(seed):
            self.network_ = PairAutoencoder(
                (X.shape[2], X.shape[3]), self.latent_dim, self.channels, self.predict_variance
            )
        standardise(self.network_, X)
        self.history_ = fit_network(
            self.network_,
            X,
            self.network_.loss,
            self.training_,
            random_state=seed,
            device=self.device_,
        )

    def _check_parameters(self) -> None:
        if not isinstance(self.latent_dim, (int, np.integer)) or self.latent_dim < 1:
            raise ValueError(f"latent_dim is {self.latent_dim!r}; expected an integer above 0.")
        channels = np.asarray(self.channels)
        if channels.ndim != 1 or channels.dtype.kind not in "iu" or not len(channels):
            raise ValueError(
                f"channels is {self.channels!r}; expected one integer for each halving of the "
                "image, such as (32, 64, 128, 256)."
            )
        if channels.min() < 1:
            raise ValueError(f"channels is {self.channels!r}; expected integers of 1 or more.")

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        import torch

        network = self.network_
        with torch.inference_mode():
            x = torch.tensor(X, device=self.device_)  # a copy is aligned, and sums repeatable
            mean, log_variance = network(x)
            difference = network.standardise(x) - mean
            unit = torch.exp(-log_variance / 2) if self.predict_variance else network.scale
        out: npt.NDArray[np.float32] = (difference * unit).cpu().numpy()
        return out
