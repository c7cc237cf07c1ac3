"""Phantoms, public sets and the user's own pairs, as Bunches; and what is odd about them."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "check_pairing": "ctmri_detect.pairing.check",
        "describe_pairs": "ctmri_detect.inspection.describe",
        "fetch_kaggle_ct_mri": "ctmri_detect.datasets.kaggle.fetch",
        "find_pairs": "ctmri_detect.layouts.find",
        "load_pairs": "ctmri_detect.datasets.folder",
        "load_volume_pairs": "ctmri_detect.datasets.volumes",
        "make_phantom_pairs": "ctmri_detect.phantom.pairs",
        "make_phantom_volumes": "ctmri_detect.phantom.volumes",
    },
)
