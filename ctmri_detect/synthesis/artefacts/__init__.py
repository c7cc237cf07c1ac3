"""Acquisition artefacts of one pair: first drawn, then applied to the plane that they spoil."""

from __future__ import annotations

from ctmri_detect.synthesis.artefacts.apply import apply_artefact
from ctmri_detect.synthesis.artefacts.ct import beam_hardening
from ctmri_detect.synthesis.artefacts.draw import (
    ARTEFACT_KINDS,
    Artefact,
    ArtefactKind,
    draw_artefact,
)

__all__ = [
    "ARTEFACT_KINDS",
    "Artefact",
    "ArtefactKind",
    "apply_artefact",
    "beam_hardening",
    "draw_artefact",
]
