"""Steps from raw pairs to what the detectors expect: pairs in, pairs out."""

from ctmri_detect.preprocessing.geometry import HeadAligner
from ctmri_detect.preprocessing.intensity import CTWindow, MRIScaler
from ctmri_detect.preprocessing.mask import BrainMask
from ctmri_detect.preprocessing.pipeline import make_preprocessor

__all__ = ["BrainMask", "CTWindow", "HeadAligner", "MRIScaler", "make_preprocessor"]
