"""The benchmark harness, its tables and its report."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "BenchmarkResult": "ctmri_detect.evaluation.harness",
        "benchmark": "ctmri_detect.evaluation.harness",
        "format_table": "ctmri_detect.evaluation.table",
        "image_average_precision_scorer": "ctmri_detect.evaluation.scorers",
        "image_roc_auc_scorer": "ctmri_detect.evaluation.scorers",
        "leaderboard": "ctmri_detect.evaluation.table",
        "lesion_effects": "ctmri_detect.evaluation.effects",
        "patient_scores": "ctmri_detect.evaluation.patients",
        "patient_target": "ctmri_detect.evaluation.patients",
        "pixel_average_precision_scorer": "ctmri_detect.evaluation.scorers",
        "write_figures": "ctmri_detect.reports.figures",
        "write_inspection": "ctmri_detect.inspection.page",
        "write_report": "ctmri_detect.reports.report",
    },
)
