from .backbone import BackboneFeatures as BackboneFeatures
