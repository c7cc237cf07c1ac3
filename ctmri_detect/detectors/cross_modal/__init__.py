"""Each modality predicted from the other."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "CrossModalDetector": "ctmri_detect.detectors.cross_modal.detector",
    },
)
