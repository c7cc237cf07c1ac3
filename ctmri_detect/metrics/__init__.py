"""What is measured, and how sure the number is; the positive class is always the anomaly."""

from ctmri_detect.metrics.bootstrap import patient_bootstrap
from ctmri_detect.metrics.friedman import friedman_nemenyi
from ctmri_detect.metrics.image import image_average_precision_score, image_roc_auc_score
from ctmri_detect.metrics.pixel import pixel_average_precision_score
from ctmri_detect.metrics.significance import delong_test, holm_correction, pairwise_delong

__all__ = [
    "delong_test",
    "friedman_nemenyi",
    "holm_correction",
    "image_average_precision_score",
    "image_roc_auc_score",
    "pairwise_delong",
    "patient_bootstrap",
    "pixel_average_precision_score",
]
