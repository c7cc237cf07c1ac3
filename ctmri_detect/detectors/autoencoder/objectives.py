"""What an autoencoder is trained for, and the network that each objective needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ctmri_detect.networks.torch_settings import own_settings

OBJECTIVES = ("denoising", "plain", "uncertainty", "variational")
RESIDUALS = ("standardised", "difference", "ssim")


@dataclass(frozen=True)
class Design:
    """The parameters of `ConvAutoencoderDetector` that decide the network."""

    objective: str
    predict_variance: bool | None
    latent_dim: int
    channels: Sequence[int] | None
    noise: float
    beta: float

    @property
    def variance(self) -> bool:
        """Whether the network predicts a variance."""
        given = self.predict_variance
        return self.objective != "plain" if given is None else bool(given)

    def residual(self, chosen: str | None) -> str:
        """The kind of residual for the parameter value `chosen`."""
        return chosen or ("standardised" if self.variance else "difference")

    def check(self, chosen: str | None) -> None:
        """Raise a ValueError if parameters or the residual `chosen` contradict each other."""
        if self.objective == "uncertainty" and not self.variance:
            raise ValueError(
                'objective is "uncertainty", which predicts a variance, but predict_variance is '
                'False; expected True or None. For no variance, take objective="plain".'
            )
        if chosen == "standardised" and not self.variance:
            raise ValueError(
                'residual is "standardised", but no variance is predicted; set '
                'predict_variance=True or take residual="difference".'
            )

    @own_settings()
    def build(self, shape: tuple[int, ...]) -> Any:
        """The untrained network for samples of shape (n_planes, height, width); needs torch."""
        from ctmri_detect.networks.autoencoder import PairAutoencoder, VariationalAutoencoder
        from ctmri_detect.networks.denoising import DenoisingUNet

        n_planes, *image_shape = shape
        options: dict[str, Any] = {"predict_variance": self.variance, "n_planes": n_planes}
        if self.channels is not None:
            options["channels"] = tuple(self.channels)
        if self.objective == "denoising":
            return DenoisingUNet(noise=self.noise, **options)
        options |= {"image_shape": image_shape, "latent_dim": self.latent_dim}
        if self.objective == "variational":
            return VariationalAutoencoder(beta=self.beta, **options)
        return PairAutoencoder(**options)
