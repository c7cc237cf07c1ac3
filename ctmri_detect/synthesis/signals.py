"""The MRI signal of tissue: spin-echo equation and the timings of usual sequences.

References
----------
.. [1] Hashemi, Bradley, Lisanti, "MRI: The Basics": spin-echo signal equation, and usual TR and
   TE of T1-, T2- and proton-density-weighted images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ctmri_detect.synthesis.tissues import TISSUES, Tissue, at_field, tissues_at

__all__ = ["SEQUENCES", "Protocol", "Sequence", "make_protocol", "spin_echo"]


@dataclass(frozen=True)
class Sequence:
    """Timing of a spin-echo sequence, ms; with `ti` it is an inversion recovery."""

    tr: float
    te: float
    ti: float | None = None


def _null_time(t1: float, tr: float) -> float:
    """Inversion time at which tissue of relaxation time `t1` gives no signal."""
    return float(t1 * np.log(2.0 / (1.0 + np.exp(-tr / t1))))


SEQUENCES: dict[str, Sequence] = {  # [1]_
    "t1": Sequence(tr=500.0, te=15.0),
    "t2": Sequence(tr=4000.0, te=100.0),
    "pd": Sequence(tr=2500.0, te=20.0),
    "flair": Sequence(tr=9000.0, te=110.0, ti=_null_time(TISSUES["csf"].t1, 9000.0)),
}


def spin_echo(tissue: Tissue, sequence: Sequence) -> float:
    """Signal of a tissue, relative to fully relaxed water.

    ``PD (1 - exp(-TR/T1)) exp(-TE/T2)``; with an inversion pulse
    ``PD |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2)``.

    Parameters
    ----------
    tissue : Tissue
    sequence : Sequence

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> fluid, white = (spin_echo(TISSUES[name], SEQUENCES["t2"]) for name in ("csf", "wm"))
    >>> fluid > 2 * white
    True
    """
    recovered = np.exp(-sequence.tr / tissue.t1)
    if sequence.ti is None:
        longitudinal = 1.0 - recovered
    else:
        longitudinal = abs(1.0 - 2.0 * np.exp(-sequence.ti / tissue.t1) + recovered)
    return float(tissue.pd * longitudinal * np.exp(-sequence.te / tissue.t2))


@dataclass(frozen=True)
class Protocol:
    """A sequence at a field strength, and what healthy tissue gives under it.

    Parameters
    ----------
    timing : Sequence
    field_strength : float
        Tesla.
    healthy : dict of str to float
        Signal by the name of the tissue, in the order of `TISSUES`.
    """

    timing: Sequence
    field_strength: float
    healthy: dict[str, float]

    def signal(self, tissue: Tissue) -> float:
        """Signal of a tissue that is given at 1.5 T, such as a lesion."""
        return spin_echo(at_field(tissue, self.field_strength), self.timing)


def make_protocol(sequence: str, field_strength: float = 1.5) -> Protocol:
    """The protocol of a sequence at a field strength.

    Parameters
    ----------
    sequence : {"t1", "t2", "flair", "pd"}
    field_strength : {1.5, 3.0}, default=1.5
        Tesla.

    Returns
    -------
    Protocol

    Raises
    ------
    ValueError
        For another sequence or field strength.

    Examples
    --------
    >>> make_protocol("flair").healthy["csf"] < 1e-6
    True
    """
    if sequence not in SEQUENCES:
        raise ValueError(f"sequence is {sequence!r}; expected one of {list(SEQUENCES)}.")
    timing, tissues = SEQUENCES[sequence], tissues_at(field_strength)
    if timing.ti is not None:  # set at each scanner so that fluid gives no signal
        timing = replace(timing, ti=_null_time(tissues["csf"].t1, timing.tr))
    healthy = {name: spin_echo(tissue, timing) for name, tissue in tissues.items()}
    return Protocol(timing, float(field_strength), healthy)
