from . import training as training
from .autoencoder import PairAutoencoder as PairAutoencoder
from .autoencoder import VariationalAutoencoder as VariationalAutoencoder
from .denoising import DenoisingUNet as DenoisingUNet
from .generators import isolated_generators as isolated_generators
from .training.fit import fit_network as fit_network
from .training.settings import Training as Training
from .unet import PairUNet as PairUNet
