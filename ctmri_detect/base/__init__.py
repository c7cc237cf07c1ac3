"""The base classes of everything that takes pairs."""

from ctmri_detect.base._detected import DETECTED, UNCLIPPED, joined, regions_of
from ctmri_detect.base.detector import BasePairedDetector
from ctmri_detect.base.estimator import PairedTags
from ctmri_detect.base.notes import Block, Notes
from ctmri_detect.base.traits import Traits
from ctmri_detect.base.transformer import BasePairedTransformer

__all__ = [
    "DETECTED",
    "UNCLIPPED",
    "BasePairedDetector",
    "BasePairedTransformer",
    "Block",
    "Notes",
    "PairedTags",
    "Traits",
    "joined",
    "regions_of",
]
