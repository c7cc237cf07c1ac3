"""The shell of an HTML page: templates and style that reports and inspection pages share."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
