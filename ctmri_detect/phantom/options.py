"""Checks of the phantom's parameters."""

from __future__ import annotations

from collections.abc import Sequence

from ctmri_detect._parameters import OneOf, check_value, integer
from ctmri_detect.phantom.compose import Setting
from ctmri_detect.phantom.sequences import make_protocols
from ctmri_detect.synthesis.kinds import SEVERITIES

CT_ARTEFACTS = ("cupping", "streaks")


def make_setting(
    size: int,
    severity: str,
    sequence: str | Sequence[str],
    field_strength: float,
    ct_artefacts: str | Sequence[str],
) -> Setting:
    """The setting of all slices, or an error that lists what is valid."""
    check_value("size", size, [integer(64)])
    check_value("severity", severity, [OneOf(*SEVERITIES)])
    artefacts = [ct_artefacts] if isinstance(ct_artefacts, str) else list(ct_artefacts)
    for each in artefacts:
        check_value("ct_artefacts", each, [OneOf(*CT_ARTEFACTS)])
    protocols = make_protocols(sequence, field_strength)
    return Setting(int(size), protocols, severity, "cupping" in artefacts, "streaks" in artefacts)
