"""Synthetic lesions: shapes that are drawn first and then put into tissue."""

from __future__ import annotations

from ctmri_detect.synthesis.kinds import LESION_KINDS, SEVERITIES, LesionKind, Severity
from ctmri_detect.synthesis.lesions import Lesion, draw_lesion, lesion_layers
from ctmri_detect.synthesis.tissues import TISSUES, Tissue

__all__ = [
    "LESION_KINDS",
    "SEVERITIES",
    "TISSUES",
    "Lesion",
    "LesionKind",
    "Severity",
    "Tissue",
    "draw_lesion",
    "lesion_layers",
]
