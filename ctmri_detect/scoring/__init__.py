"""From residual to map and score: one stage for all detectors."""

from ctmri_detect.scoring.evidence import POOLING
from ctmri_detect.scoring.map_scoring import MapScoring
from ctmri_detect.scoring.reference import BANK_BYTES, BANK_SLICES, bank_rows
from ctmri_detect.scoring.regions import CONSPICUOUS, region_table
from ctmri_detect.scoring.thresholds import Threshold, conformal_offset, conformal_p_values

__all__ = [
    "BANK_BYTES",
    "BANK_SLICES",
    "CONSPICUOUS",
    "POOLING",
    "MapScoring",
    "Threshold",
    "bank_rows",
    "conformal_offset",
    "conformal_p_values",
    "region_table",
]
