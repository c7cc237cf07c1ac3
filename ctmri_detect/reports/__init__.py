"""Results as a page and as figures."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "write_figures": "ctmri_detect.reports.figures",
        "write_report": "ctmri_detect.reports.report",
    },
)
