"""Is this CT the partner of this MRI, and how far is it off?"""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
