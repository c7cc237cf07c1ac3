from .detector import ConvAutoencoderDetector as ConvAutoencoderDetector
from .presets import autoencoder_preset as autoencoder_preset
