"""Each modality predicted from the others, and what may predict it."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "CrossModalDetector": "ctmri_detect.detectors.cross_modal.detector",
        "PixelPredictor": "ctmri_detect.detectors.cross_modal.pixel_predictor",
        "Predictor": "ctmri_detect.detectors.cross_modal.predictor",
        "UNetPredictor": "ctmri_detect.detectors.cross_modal.unet_predictor",
    },
)
