"""Networks, checks and residuals of `ConvAutoencoderDetector`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.metrics import structural_similarity

from ctmri_detect._random import isolated_generators
from ctmri_detect.networks.device import own_settings
from ctmri_detect.scoring.calibration import ENOUGH_PATIENTS
from ctmri_detect.validation import PairReader

if TYPE_CHECKING:
    from torch import nn

    from ctmri_detect.detectors.autoencoder.detector import ConvAutoencoderDetector

Block = npt.NDArray[np.float32]

OBJECTIVES = ("denoising", "plain", "uncertainty", "variational")
RESIDUALS = ("standardised", "difference", "ssim")
LEAST_SSIM = 7  # pixels of a side: the window of Wang et al. (2004), as scikit-image has it


def predicts_variance(detector: ConvAutoencoderDetector) -> bool:
    """Whether the network has a variance head."""
    given = detector.predict_variance
    return detector.objective != "plain" if given is None else bool(given)


def kind_of_residual(detector: ConvAutoencoderDetector) -> str:
    """The residual in use."""
    if detector.residual is not None:
        return detector.residual
    return "standardised" if predicts_variance(detector) else "difference"


def check_together(detector: ConvAutoencoderDetector) -> None:
    """Raise a ValueError for parameters that don't go together."""
    if detector.objective == "uncertainty" and not predicts_variance(detector):
        raise ValueError(
            'objective "uncertainty" is the bottleneck with predicted variance, but '
            'predict_variance is False; take objective="plain".'
        )
    if detector.residual == "standardised" and not predicts_variance(detector):
        raise ValueError(
            'residual is "standardised", but no variance is predicted; set predict_variance=True '
            'or take residual="difference".'
        )


def check_warm_start(
    detector: ConvAutoencoderDetector, X: PairReader, codes: npt.NDArray[np.int64] | None
) -> None:
    """Raise a ValueError where the network at hand can't be trained further on these pairs."""
    patients = min(len(X), ENOUGH_PATIENTS) if codes is None else len(np.unique(codes))
    if patients < ENOUGH_PATIENTS:
        raise ValueError(
            f"warm_start=True, but there are {patients} patients; expected at least "
            f"{ENOUGH_PATIENTS}. Below that each is left out in turn, and the network at hand has "
            "seen them all. Set warm_start=False."
        )
    with isolated_generators(0):  # only its settings are looked at
        asked = new_network(detector, (X.shape[2], X.shape[3])).config
    if asked != detector.network_.config:
        raise ValueError(
            f"warm_start=True, but the network at hand has the settings {detector.network_.config} "
            f"and {asked} are asked for; expected the same. Set warm_start=False."
        )


@own_settings()
def new_network(detector: ConvAutoencoderDetector, shape: tuple[int, int]) -> nn.Module | Any:
    """The untrained network of an objective."""
    from ctmri_detect.networks.autoencoder import PairAutoencoder, VariationalAutoencoder
    from ctmri_detect.networks.denoising import DenoisingUNet

    given: dict[str, Any] = {"predict_variance": predicts_variance(detector)}
    if detector.channels is not None:
        given["channels"] = tuple(detector.channels)
    if detector.objective == "denoising":
        return DenoisingUNet(noise=detector.noise, **given)
    if detector.objective == "variational":
        return VariationalAutoencoder(shape, detector.latent_dim, beta=detector.beta, **given)
    return PairAutoencoder(shape, detector.latent_dim, **given)


def joined(start: Any, history: pd.DataFrame) -> pd.DataFrame:
    """The history of a training that went on from an earlier one."""
    if start is None:
        return history
    before = start[1]
    return pd.concat(
        [before, history.assign(epoch=history["epoch"] + len(before))], ignore_index=True
    )


def reconstruct(detector: ConvAutoencoderDetector, X: Block) -> tuple[Block, Block]:
    """Mean and log-variance of a block, in units of the training intensities."""
    if detector.engine == "onnxruntime":
        from ctmri_detect.networks.onnx import onnx_session

        session = onnx_session(detector.network_, detector.image_shape_)
        mean, log_variance = session.run(None, {"pairs": X})
        return mean, log_variance
    mean, log_variance = _run(detector, detector.network_, X)
    return mean, log_variance


def residual(detector: ConvAutoencoderDetector, X: Block) -> Block:
    """How far a block deviates from its reconstruction."""
    mean, log_variance = reconstruct(detector, X)
    center, scale = (
        part.cpu().numpy() for part in (detector.network_.center, detector.network_.scale)
    )
    z, kind = (X - center) / scale, kind_of_residual(detector)
    if kind == "standardised":
        return np.asarray((z - mean) * np.exp(-log_variance / 2), dtype=np.float32)
    if kind == "difference":
        return np.asarray((z - mean) * scale, dtype=np.float32)
    return _dissimilarity(z, mean)


def _dissimilarity(z: Block, mean: Block) -> Block:
    """1 - SSIM, with the sign of the difference; outside the observed both agree."""
    window = min(LEAST_SSIM, *z.shape[2:])
    window -= 1 - window % 2
    out = np.zeros_like(z)
    for n, p in np.ndindex(z.shape[:2]):
        seen = ~np.isnan(z[n, p])
        if not seen.any():
            continue
        image, rebuilt = (np.where(seen, plane, 0) for plane in (z[n, p], mean[n, p]))
        spread = max(float(np.ptp(image[seen])), 1e-6)
        _, similarity = structural_similarity(
            image, rebuilt, data_range=spread, win_size=window, full=True
        )
        out[n, p] = (1 - similarity) * np.sign(image - rebuilt)
    return np.asarray(np.where(np.isnan(z), np.nan, out), dtype=np.float32)


def latent(detector: ConvAutoencoderDetector, X: Block) -> Block:
    """Latent features of a block."""
    return _run(detector, lambda x: (detector.network_.latent(x),), X)[0]


@own_settings()
def _run(detector: ConvAutoencoderDetector, network: Callable[..., Any], X: Block) -> list[Block]:
    """What a torch function gives for a block."""
    import torch

    with torch.inference_mode():
        x = torch.tensor(X, device=detector.device_)  # a copy is aligned, and sums repeatable
        return [part.cpu().numpy() for part in network(x)]
