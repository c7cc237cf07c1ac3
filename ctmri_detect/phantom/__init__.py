"""The digital head: CT and MRI from the same tissues, with and without lesions."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "make_phantom_pairs": "ctmri_detect.phantom.pairs",
        "make_phantom_volumes": "ctmri_detect.phantom.volumes",
    },
)
