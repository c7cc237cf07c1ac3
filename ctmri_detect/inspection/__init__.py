"""Check a folder before a model is trained on it; gives tables and an HTML page."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
