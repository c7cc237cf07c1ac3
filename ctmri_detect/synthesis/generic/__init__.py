"""Generic anomalies: shapes and changes that imitate no disease."""

from ctmri_detect.synthesis.generic.anomalies import GenericAnomalies
from ctmri_detect.synthesis.generic.record import GenericAnomaly

__all__ = ["GenericAnomalies", "GenericAnomaly"]
