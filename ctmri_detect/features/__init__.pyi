from .backbone import BackboneFeatures as BackboneFeatures
from .conditioning.conditioning import FeatureConditioning as FeatureConditioning
from .grid import FeatureGrid as FeatureGrid
from .protocol import FeatureExtractor as FeatureExtractor
