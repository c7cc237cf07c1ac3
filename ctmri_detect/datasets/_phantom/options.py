"""The phantom's parameters, checked."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from ctmri_detect.datasets._phantom.compose import Setting
from ctmri_detect.preprocessing._checks import check_choice, check_number
from ctmri_detect.synthesis.kinds import SEVERITIES
from ctmri_detect.synthesis.signals import make_protocol

CT_ARTEFACTS = ("cupping", "streaks")


def check_fraction(name: str, value: Any) -> None:
    """Refuse what is no number from 0 to 1."""
    if not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to 1.")


def make_setting(
    size: int,
    severity: str,
    sequence: str,
    field_strength: float,
    ct_artefacts: str | Sequence[str],
) -> Setting:
    """What all slices share, or an error that lists what is valid."""
    check_number(size, "size", 64, integer=True)
    check_choice(severity, "severity", SEVERITIES)
    artefacts = [ct_artefacts] if isinstance(ct_artefacts, str) else list(ct_artefacts)
    for each in artefacts:
        check_choice(each, "ct_artefacts", CT_ARTEFACTS)
    protocol = make_protocol(sequence, field_strength)
    return Setting(int(size), protocol, severity, "cupping" in artefacts, "streaks" in artefacts)
