from .backbone import BackboneFeatures as BackboneFeatures
from .conditioning.conditioning import FeatureConditioning as FeatureConditioning
from .filters import FilterBankFeatures as FilterBankFeatures
from .grid import FeatureGrid as FeatureGrid
from .joint import JointFeatures as JointFeatures
from .latent import LatentFeatures as LatentFeatures
from .protocol import FeatureExtractor as FeatureExtractor
