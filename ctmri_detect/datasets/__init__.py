"""Phantoms, public data sets and the user's own pairs, as Bunches."""

from ctmri_detect._extras import lazy_package

_REMOVED = {
    "describe_pairs": "inspection.describe_pairs",
}
__getattr__, __dir__, __all__ = lazy_package(__name__, __file__, _REMOVED)
