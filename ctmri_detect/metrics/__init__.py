"""Metrics and their uncertainty; the positive class is always the anomaly.

A metric is named for what it takes. ``decision_...`` takes decisions (high = normal), and
``anomaly_map_...`` takes anomaly maps (high = anomalous).
"""

from ctmri_detect._extras import lazy_package

_REMOVED = {
    "aupimo_score": "metrics.anomaly_map_aupimo_score",
    "aupro_score": "metrics.anomaly_map_aupro_score",
    "best_dice_score": "metrics.anomaly_map_best_dice_score",
    "dice_at_false_positive_rate_score": "metrics.anomaly_map_dice_at_fpr_score",
    "dice_score": "metrics.anomaly_map_dice_score",
    "f1_max_score": "metrics.decision_f1_max_score",
    "froc_curve": "metrics.anomaly_map_froc_curve",
    "image_average_precision_score": "metrics.decision_average_precision_score",
    "image_roc_auc_score": "metrics.decision_roc_auc_score",
    "lesion_sensitivity_score": "metrics.anomaly_map_lesion_sensitivity_score",
    "normal_threshold": "metrics.anomaly_map_threshold",
    "pixel_average_precision_score": "metrics.anomaly_map_average_precision_score",
    "pixel_roc_auc_score": "metrics.anomaly_map_roc_auc_score",
    "sensitivity_at_specificity_score": "metrics.decision_sensitivity_score",
}
__getattr__, __dir__, __all__ = lazy_package(__name__, __file__, _REMOVED)
