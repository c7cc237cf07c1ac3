"""Displays in scikit-learn's style; matplotlib is imported only when one is drawn."""

from ctmri_detect._extras import lazy_package

_REMOVED = {"RocCurvesDisplay": "plotting.RocDisplay"}
__getattr__, __dir__, __all__ = lazy_package(__name__, __file__, _REMOVED)
