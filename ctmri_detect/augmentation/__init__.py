"""Mild changes of training pairs: geometry and intensity."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Augmentation": "ctmri_detect.augmentation.augmentation",
    },
)
