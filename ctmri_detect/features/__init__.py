"""From pairs to grids of features."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "BackboneFeatures": "ctmri_detect.features.backbone",
        "FeatureExtractor": "ctmri_detect.features.protocol",
        "FeatureGrid": "ctmri_detect.features.grid",
    },
)
