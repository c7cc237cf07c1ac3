"""The library's own checks, for any detector and any step; no test runner is needed."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
