from .backbone import BackboneFeatures as BackboneFeatures
from .grid import FeatureGrid as FeatureGrid
from .protocol import FeatureExtractor as FeatureExtractor
