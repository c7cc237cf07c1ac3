"""The detectors, one file each; `ctmri_detect` re-exports them."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "AtlasDetector": "ctmri_detect.detectors.atlas",
        "ConvAutoencoderDetector": "ctmri_detect.detectors.autoencoder.detector",
        "CrossModalDetector": "ctmri_detect.detectors.cross_modal.detector",
        "DeepFeatureDetector": "ctmri_detect.detectors.deep_features.detector",
        "ThresholdDetector": "ctmri_detect.detectors.threshold",
        "autoencoder_preset": "ctmri_detect.detectors.autoencoder.presets",
    },
)
