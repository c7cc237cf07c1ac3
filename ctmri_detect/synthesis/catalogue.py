"""All kinds of anomaly by name."""

from __future__ import annotations

from collections.abc import Sequence

from ctmri_detect._parameters import OneOf, check_value
from ctmri_detect.synthesis.artefacts import ARTEFACT_KINDS
from ctmri_detect.synthesis.kinds import DEFAULT_KINDS, LESION_KINDS, WHOLE_SLICE_KINDS

__all__ = ["anomaly_kinds", "check_kinds", "is_whole_slice"]


def anomaly_kinds() -> list[str]:
    """Names of all kinds: lesions, contradictions between the planes, artefacts.

    Returns
    -------
    list of str

    Examples
    --------
    >>> "haematoma" in anomaly_kinds(), "motion_ghosting" in anomaly_kinds()
    (True, True)
    """
    return [*LESION_KINDS, *WHOLE_SLICE_KINDS, *ARTEFACT_KINDS]


def is_whole_slice(kind: str) -> bool:
    """Whether a kind changes the whole slice, so that it has no mask."""
    return kind in WHOLE_SLICE_KINDS or kind in ARTEFACT_KINDS


def check_kinds(kinds: str | Sequence[str]) -> list[str]:
    """The list of kinds; "default" is `DEFAULT_KINDS`, one name is that kind alone.

    Raises
    ------
    ValueError
        For an unknown name or none; the message lists what is valid.
    """
    if isinstance(kinds, str) and kinds == "default":
        return list(DEFAULT_KINDS)
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    if not names:
        raise ValueError(f"kinds is empty; expected 'default' or some of {anomaly_kinds()}.")
    for each in names:
        check_value("kinds", each, [OneOf(*anomaly_kinds())])
    return names
