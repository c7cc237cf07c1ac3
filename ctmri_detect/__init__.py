"""Unsupervised anomaly detection for paired brain CT and MRI.

Every method is a scikit-learn estimator: it learns normal anatomy from unlabelled pairs
``X`` of shape ``(n_samples, 2, height, width)``, scores new pairs, and says where and in
which modality they deviate.
"""

from ctmri_detect._extras import lazy_names

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "AtlasDetector": "ctmri_detect.detectors.atlas",
        "ConvAutoencoderDetector": "ctmri_detect.detectors.autoencoder.detector",
        "CrossModalDetector": "ctmri_detect.detectors.cross_modal.detector",
        "DeepFeatureDetector": "ctmri_detect.detectors.deep_features.detector",
        "MapScoring": "ctmri_detect.scoring",
        "Pairs": "ctmri_detect.pairs",
        "ThresholdDetector": "ctmri_detect.detectors.threshold",
        "Training": "ctmri_detect.networks.training.settings",
        "anomaly_map": "ctmri_detect.localization",
        "detect": "ctmri_detect.localization",
        "explain": "ctmri_detect.localization",
        "iter_detect": "ctmri_detect.localization",
        "make_preprocessor": "ctmri_detect.preprocessing.pipeline",
        "residual_map": "ctmri_detect.localization",
    },
)
