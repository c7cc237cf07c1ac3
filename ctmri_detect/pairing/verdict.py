"""What the pairing test found, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ctmri_detect.pairing.partners import Matrix, Rows


@dataclass(frozen=True)
class Verdict:
    """The result of the test; `check_pairing` explains the fields.

    `rows` are the pairs that were compared; `nmi`, `others` and `best` belong to them.

    Examples
    --------
    >>> from ctmri_detect.pairing import pairing_verdict
    >>> from ctmri_detect.testing import make_heads
    >>> from ctmri_detect.validation import check_pairs
    >>> verdict = pairing_verdict(check_pairs(make_heads(12)), np.arange(12))
    >>> verdict.paired, len(verdict.rows), verdict.p_value < 0.05
    (True, 12, True)
    """

    paired: bool | None
    p_value: float
    statistic: float
    rows: Rows
    nmi: Matrix
    others: Matrix
    best: Rows
    mirrored: bool | None = None
    p_mirrored: float = np.nan
    slip: int | None = None
    p_slip: float = np.nan

    def as_entries(self) -> dict[str, Any]:
        """The entries that `check_pairing` and the inspection have in common."""
        names = ("paired", "p_value", "statistic", "mirrored", "p_mirrored", "slip", "p_slip")
        return {"why": self.why_not(), **{name: getattr(self, name) for name in names}}

    def why_not(self) -> str:
        """Why the pairs are none, as the beginning of a sentence; empty where they are paired."""
        if self.paired is not False:
            return ""
        if self.mirrored:
            return (
                "The MRI seem to be mirrored left to right: mirrored back, they fit the CT better "
                f"(p = {self.p_mirrored:.2g} in {len(self.rows)} pairs)"
            )
        if self.slip:
            return (
                f"The MRI seem to be one slice off within each patient: an MRI fits the CT one row "
                f"{'further on' if self.slip > 0 else 'before'} better than its own "
                f"(p = {self.p_slip:.2g} in {len(self.rows)} pairs)"
            )
        return (
            "CT and MRI do not seem to show the same heads: a CT fits its own MRI no better than "
            f"other MRI (p = {self.p_value:.2g} in {len(self.rows)} pairs)"
        )
