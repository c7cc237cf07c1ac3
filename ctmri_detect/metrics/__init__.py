"""What is measured, and how sure the number is; the positive class is always the anomaly."""

from ctmri_detect.metrics.bootstrap import patient_bootstrap
from ctmri_detect.metrics.dice import (
    best_dice_score,
    dice_at_false_positive_rate_score,
    dice_score,
    normal_threshold,
)
from ctmri_detect.metrics.friedman import friedman_nemenyi
from ctmri_detect.metrics.image import (
    f1_max_score,
    image_average_precision_score,
    image_roc_auc_score,
    sensitivity_at_specificity_score,
)
from ctmri_detect.metrics.lesion import froc_curve, lesion_sensitivity_score
from ctmri_detect.metrics.pimo import aupimo_score
from ctmri_detect.metrics.pixel import (
    masked_lesion_share,
    pixel_average_precision_score,
    pixel_roc_auc_score,
)
from ctmri_detect.metrics.region import aupro_score
from ctmri_detect.metrics.significance import delong_test, holm_correction, pairwise_delong

__all__ = [
    "aupimo_score",
    "aupro_score",
    "best_dice_score",
    "delong_test",
    "dice_at_false_positive_rate_score",
    "dice_score",
    "f1_max_score",
    "friedman_nemenyi",
    "froc_curve",
    "holm_correction",
    "image_average_precision_score",
    "image_roc_auc_score",
    "lesion_sensitivity_score",
    "masked_lesion_share",
    "normal_threshold",
    "pairwise_delong",
    "patient_bootstrap",
    "pixel_average_precision_score",
    "pixel_roc_auc_score",
    "sensitivity_at_specificity_score",
]
