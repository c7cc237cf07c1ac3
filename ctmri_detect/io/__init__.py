"""Find, read and write files: slices, and volumes in `io.volumes`."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
