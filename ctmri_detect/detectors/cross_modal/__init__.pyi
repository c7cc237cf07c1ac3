from .detector import CrossModalDetector as CrossModalDetector
from .predictor import Predictor as Predictor
