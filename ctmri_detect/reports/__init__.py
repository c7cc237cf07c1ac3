"""Results as an HTML page and as images."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
