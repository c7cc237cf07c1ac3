from .detector import EnsembleDetector as EnsembleDetector
