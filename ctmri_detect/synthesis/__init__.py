"""Put anomalies into healthy pairs: lesions, contradictions between the planes, artefacts."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
