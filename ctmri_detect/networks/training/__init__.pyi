from .fit import fit_network as fit_network
from .settings import Training as Training
from .settings import check_training as check_training
