"""One-class detectors on deep features."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "DeepFeatureDetector": "ctmri_detect.detectors.deep_features.detector",
    },
)
