from .detector import CrossModalDetector as CrossModalDetector
