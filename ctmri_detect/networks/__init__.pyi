from . import training as training
from .autoencoder import PairAutoencoder as PairAutoencoder
from .autoencoder import VariationalAutoencoder as VariationalAutoencoder
from .denoising import DenoisingUNet as DenoisingUNet
from .device import isolated_generators as isolated_generators
from .training.settings import Training as Training
from .training.settings import fit_network as fit_network
from .unet import PairUNet as PairUNet
