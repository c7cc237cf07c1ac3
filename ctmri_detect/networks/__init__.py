"""Plain torch modules and their training, without detectors."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Augmentation": "ctmri_detect.augmentation.augmentation",
        "DenoisingUNet": "ctmri_detect.networks.denoising",
        "PairAutoencoder": "ctmri_detect.networks.autoencoder",
        "PairUNet": "ctmri_detect.networks.unet",
        "Training": "ctmri_detect.networks.training.settings",
        "VariationalAutoencoder": "ctmri_detect.networks.autoencoder",
        "fit_network": "ctmri_detect.networks.training.fit",
        "isolated_generators": "ctmri_detect._random",
    },
)
