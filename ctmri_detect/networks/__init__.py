"""Plain torch modules and their training; no detector in here."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Augmentation": "ctmri_detect.networks.augmentation",
        "DenoisingUNet": "ctmri_detect.networks.denoising",
        "PairAutoencoder": "ctmri_detect.networks.autoencoder",
        "PairUNet": "ctmri_detect.networks.unet",
        "Training": "ctmri_detect.networks.training",
        "VariationalAutoencoder": "ctmri_detect.networks.autoencoder",
        "fit_network": "ctmri_detect.networks.training",
        "isolated_generators": "ctmri_detect.networks.device",
    },
)
