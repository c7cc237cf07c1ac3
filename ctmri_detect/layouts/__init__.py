"""Which file belongs to which: folder layouts, names, patients, labels."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "find_pairs": "ctmri_detect.layouts.find",
    },
)
