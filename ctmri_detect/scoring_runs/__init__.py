"""Write scores of many samples to a folder, block by block; a stopped run can continue."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
