"""Anomalies put into healthy pairs: lesions, contradictions between the planes, artefacts."""

from __future__ import annotations

from ctmri_detect.synthesis.artefacts import ARTEFACT_KINDS
from ctmri_detect.synthesis.catalogue import anomaly_kinds
from ctmri_detect.synthesis.injection import inject_anomalies
from ctmri_detect.synthesis.kinds import (
    DEFAULT_KINDS,
    LESION_KINDS,
    SEVERITIES,
    WHOLE_SLICE_KINDS,
    LesionKind,
    Severity,
)
from ctmri_detect.synthesis.lesions import Lesion, draw_lesion, lesion_layers
from ctmri_detect.synthesis.scene import Scene
from ctmri_detect.synthesis.tissues import TISSUES, Tissue

__all__ = [
    "ARTEFACT_KINDS",
    "DEFAULT_KINDS",
    "LESION_KINDS",
    "SEVERITIES",
    "TISSUES",
    "WHOLE_SLICE_KINDS",
    "Lesion",
    "LesionKind",
    "Scene",
    "Severity",
    "Tissue",
    "anomaly_kinds",
    "draw_lesion",
    "inject_anomalies",
    "lesion_layers",
]
