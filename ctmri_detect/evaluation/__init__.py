"""The benchmark harness, its tables and its report."""

from ctmri_detect._extras import lazy_package

_REMOVED = {
    "image_average_precision_scorer": "evaluation.decision_average_precision_scorer",
    "image_roc_auc_scorer": "evaluation.decision_roc_auc_scorer",
    "pixel_average_precision_scorer": "evaluation.anomaly_map_average_precision_scorer",
    "write_figures": "reports.write_figures",
    "write_inspection": "inspection.write_inspection",
    "write_report": "reports.write_report",
}
__getattr__, __dir__, __all__ = lazy_package(__name__, __file__, _REMOVED)
