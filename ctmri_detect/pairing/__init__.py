"""Do CT and MRI of a pair show the same head, and how far are they shifted?"""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
