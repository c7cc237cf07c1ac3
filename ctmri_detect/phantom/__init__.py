"""The digital head: CT and MRI from the same tissues, with and without lesions."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
