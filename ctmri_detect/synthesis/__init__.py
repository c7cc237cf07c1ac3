"""Anomalies put into healthy pairs: lesions, contradictions between the planes, artefacts."""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "ARTEFACT_KINDS": "ctmri_detect.synthesis.artefacts",
        "DEFAULT_KINDS": "ctmri_detect.synthesis.kinds",
        "LESION_KINDS": "ctmri_detect.synthesis.kinds",
        "SEVERITIES": "ctmri_detect.synthesis.kinds",
        "TISSUES": "ctmri_detect.synthesis.tissues",
        "WHOLE_SLICE_KINDS": "ctmri_detect.synthesis.kinds",
        "anomaly_kinds": "ctmri_detect.synthesis.catalogue",
        "inject_anomalies": "ctmri_detect.synthesis.injection",
    },
)
