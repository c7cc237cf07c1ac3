"""What the pairing test found, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ctmri_detect.modalities import DEFAULT_MODALITIES
from ctmri_detect.pairing.partners import Matrix, Rows


@dataclass(frozen=True)
class Verdict:
    """The result of the test; `check_pairing` explains the other fields.

    Attributes
    ----------
    rows : int array (n,)
        The rows of X that were compared.
    nmi, others : float array (n,)
        The NMI of each with its own MRI, and its mean NMI with wrong partners.
    best : int array (n,)
        The row of X whose MRI fits its CT best.
    names : (str, str)
        The names of the two planes that were compared.

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
    names: tuple[str, str] = DEFAULT_MODALITIES

    def as_entries(self) -> dict[str, Any]:
        """The entries that `check_pairing` and the inspection have in common."""
        names = ("paired", "p_value", "statistic", "mirrored", "p_mirrored", "slip", "p_slip")
        return {"why": self.why_not(), **{name: getattr(self, name) for name in names}}

    def why_not(self) -> str:
        """The reason where `paired` is False, as a sentence without its full stop; else empty."""
        if self.paired is not False:
            return ""
        ct, mri = self.names
        if self.mirrored:
            return (
                f"The {mri} seem to be mirrored left to right: mirrored back, they fit the {ct} "
                f"better (p = {self.p_mirrored:.2g} in {len(self.rows)} pairs)"
            )
        if self.slip:
            return (
                f"The {mri} seem to be one slice off within each patient: they fit the {ct} one "
                f"row {'further on' if self.slip > 0 else 'before'} better than their own {ct} "
                f"(p = {self.p_slip:.2g} in {len(self.rows)} pairs)"
            )
        return (
            f"{ct} and {mri} do not seem to show the same heads: the {ct} fit their own {mri} no "
            f"better than other {mri} (p = {self.p_value:.2g} in {len(self.rows)} pairs)"
        )


NO_VERDICT = Verdict(
    None,
    np.nan,
    np.nan,
    rows=np.empty(0, np.int64),
    nmi=np.empty(0),
    others=np.empty(0),
    best=np.empty(0, np.int64),
)
"""The result where there is too little to compare."""
