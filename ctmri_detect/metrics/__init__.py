"""What is measured, and how sure the number is; the positive class is always the anomaly."""

from ctmri_detect.metrics.bootstrap import patient_bootstrap
from ctmri_detect.metrics.image import image_average_precision_score, image_roc_auc_score
from ctmri_detect.metrics.pixel import pixel_average_precision_score

__all__ = [
    "image_average_precision_score",
    "image_roc_auc_score",
    "patient_bootstrap",
    "pixel_average_precision_score",
]
