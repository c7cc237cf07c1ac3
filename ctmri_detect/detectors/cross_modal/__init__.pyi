from .detector import CrossModalDetector as CrossModalDetector
from .pixel_predictor import PixelPredictor as PixelPredictor
from .predictor import Predictor as Predictor
from .unet_predictor import UNetPredictor as UNetPredictor
