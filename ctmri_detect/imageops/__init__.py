"""Image operations: arrays in, arrays out, no estimator."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, {})
