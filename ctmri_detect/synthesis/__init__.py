"""Synthetic lesions: shapes that are drawn first and then put into tissue."""

from __future__ import annotations

from ctmri_detect.synthesis.lesions import LESION_KINDS, SEVERITIES, Lesion, LesionKind, draw_lesion
from ctmri_detect.synthesis.tissues import TISSUES, Tissue

__all__ = [
    "LESION_KINDS",
    "SEVERITIES",
    "TISSUES",
    "Lesion",
    "LesionKind",
    "Tissue",
    "draw_lesion",
]
