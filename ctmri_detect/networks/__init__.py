"""Plain torch modules and their training, without detectors."""

from ctmri_detect._extras import lazy_package

_REMOVED = {
    "Augmentation": "augmentation.Augmentation",
}
__getattr__, __dir__, __all__ = lazy_package(__name__, __file__, _REMOVED)
