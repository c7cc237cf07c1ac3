"""Features without what other planes, similar slices and the place explain."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
