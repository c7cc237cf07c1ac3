from .detector import VolumeDetector as VolumeDetector
