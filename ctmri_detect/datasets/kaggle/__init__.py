"""A public set of CT and MRI slices from Kaggle."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "fetch_kaggle_ct_mri": "ctmri_detect.datasets.kaggle.fetch",
    },
)
