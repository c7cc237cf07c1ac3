"""Look a folder over before anything is trained on it: tables and a page."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "describe_pairs": "ctmri_detect.inspection.describe",
        "write_inspection": "ctmri_detect.inspection.page",
    },
)
