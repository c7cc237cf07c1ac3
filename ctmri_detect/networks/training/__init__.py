"""Training of networks: its settings, and the function that runs it."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Training": "ctmri_detect.networks.training.settings",
        "check_training": "ctmri_detect.networks.training.settings",
        "fit_network": "ctmri_detect.networks.training.fit",
    },
)
