"""Displays in scikit-learn's style; matplotlib is imported when one is drawn."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "AnomalyMapDisplay": "ctmri_detect.plotting.maps",
        "PairDisplay": "ctmri_detect.plotting.pair",
        "RocCurvesDisplay": "ctmri_detect.plotting.roc",
        "ScoreDistributionDisplay": "ctmri_detect.plotting.distribution",
        "overlay_png": "ctmri_detect.plotting.overlay",
    },
)
