"""Phantoms and the user's own pairs, as Bunches."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "load_pairs": "ctmri_detect.datasets.folder",
        "make_phantom_pairs": "ctmri_detect.datasets.phantom",
    },
)
