"""Autoencoders: what they cannot rebuild is anomalous."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "ConvAutoencoderDetector": "ctmri_detect.detectors.autoencoder.detector",
        "autoencoder_preset": "ctmri_detect.detectors.autoencoder.presets",
    },
)
