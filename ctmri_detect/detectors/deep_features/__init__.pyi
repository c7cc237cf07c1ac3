from .detector import DeepFeatureDetector as DeepFeatureDetector
