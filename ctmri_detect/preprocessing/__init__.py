"""Steps from raw pairs to what the detectors expect: pairs in, pairs out."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Augmentation": "ctmri_detect.augmentation.augmentation",
        "BiasFieldCorrector": "ctmri_detect.preprocessing.bias",
        "BrainMask": "ctmri_detect.preprocessing.mask",
        "CLAHE": "ctmri_detect.preprocessing.contrast",
        "CTWindow": "ctmri_detect.preprocessing.intensity",
        "CT_WINDOWS": "ctmri_detect.preprocessing.intensity",
        "CropOrPad": "ctmri_detect.preprocessing.resize",
        "Denoiser": "ctmri_detect.preprocessing.denoise",
        "HeadAligner": "ctmri_detect.preprocessing.geometry",
        "HistogramStandardizer": "ctmri_detect.preprocessing.histogram",
        "MRIScaler": "ctmri_detect.preprocessing.intensity",
        "PairRegistrar": "ctmri_detect.preprocessing.registration",
        "PairWriter": "ctmri_detect.preprocessing.store",
        "Resize": "ctmri_detect.preprocessing.resize",
        "apply_masks": "ctmri_detect.preprocessing.mask",
        "make_preprocessor": "ctmri_detect.preprocessing.pipeline",
        "open_pairs": "ctmri_detect.storage.sidecar",
        "transform_to": "ctmri_detect.preprocessing.store",
    },
)
