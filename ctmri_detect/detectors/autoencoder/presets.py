"""Named settings of `ConvAutoencoderDetector`."""

from __future__ import annotations

from typing import Any

from ctmri_detect.networks.training.settings import Training
from ctmri_detect.scoring import MapScoring

_NAMES = ("first-design",)


def autoencoder_preset(name: str) -> dict[str, Any]:
    """Parameters of `ConvAutoencoderDetector` by name.

    Parameters
    ----------
    name : {"first-design"}
        "first-design": the first design of this project, a plain autoencoder with a bottleneck of
        128 numbers, squared error, batches of 16, Adam at a constant learning rate of 1e-4. The
        map is the absolute residual. It was made for slices of 256 x 256 pixels
        (``make_preprocessor(size=256)``), CT, MRI or both. It is a baseline: see docs/results.md.

    Returns
    -------
    dict
        Keyword arguments.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> from ctmri_detect import ConvAutoencoderDetector
    >>> from ctmri_detect.detectors.autoencoder.presets import autoencoder_preset
    >>> ConvAutoencoderDetector(**autoencoder_preset("first-design")).training.lr
    0.0001
    """
    if name not in _NAMES:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(_NAMES)}.")
    return {
        "objective": "plain",
        "latent_dim": 128,
        "channels": (32, 64, 128, 256),
        "training": Training(
            max_epochs=50, batch_size=16, lr=1e-4, optimizer="adam", schedule=None
        ),
        "map_scoring": MapScoring(reference=None, symmetry=False, smoothing=0, scales=0),
    }
