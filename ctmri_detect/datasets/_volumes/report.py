"""What has to be said about a set of volumes: warnings, units, a description."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from ctmri_detect.datasets._files.listing import first_reasons
from ctmri_detect.datasets._volumes.cases import Case
from ctmri_detect.datasets._volumes.dicom_headers import Skipped
from ctmri_detect.exceptions import (
    CtmriDetectWarning,
    MixedDataWarning,
    PrivacyWarning,
    SkippedFilesWarning,
    UnitsWarning,
    UnpairedDataWarning,
)

Used = list[tuple[Case, str | None, str]]
"""The cases that gave slices, with the units of their CT and why they are unknown."""


def units_of(used: Used) -> str | None:
    """The units that all CT share; None where they don't, or where they are unknown."""
    units = {units for _, units, _ in used}
    return units.pop() if len(units) == 1 else None


def findings(
    used: Used, skipped: Skipped, frame: pd.DataFrame
) -> list[tuple[str, type[CtmriDetectWarning]]]:
    """What to warn of, once each."""
    found: list[tuple[str, type[CtmriDetectWarning]]] = []
    odd = [(case.ct, problem) for case, units, problem in used if units is None]
    if odd:
        text = f"{len(odd)} of {len(used)} CT are not in HU; {odd[0][0]}: {odd[0][1]}."
        found.append((f"{text} ct_units is None.", UnitsWarning))
    units = Counter(units or "unknown" for _, units, _ in used)
    if len(units) > 1:
        listed = ", ".join(f"{name} ({n} volumes)" for name, n in units.items())
        text = f"The CT mix units: {listed}; ct_units is None. Load each kind by itself."
        found.append((text, MixedDataWarning))
    sequences = Counter(case.sequence or "unknown" for case, *_ in used)
    if len(sequences) > 1:
        listed = ", ".join(f"{name} ({n} volumes)" for name, n in sequences.items())
        text = f"The MRI mix sequences: {listed}. One data set holds one: choose by sequence=."
        found.append((text, MixedDataWarning))
    apart = sum(not case.same_space for case, *_ in used)
    if apart:
        text = (
            f"In {apart} of {len(used)} pairs CT and MRI have different frames of reference: "
            "unless somebody registered them, equal coordinates are different places. Register "
            "them first, or look at check_pairing."
        )
        found.append((text, UnpairedDataWarning))
    burned = sum(case.burned_in for case, *_ in used)
    if burned:
        text = f"{burned} of {len(used)} pairs say that text is burned into their images."
        found.append((f"{text} Look at them before you share any.", PrivacyWarning))
    if skipped:
        text = f"{len(skipped)} entries were skipped{first_reasons(skipped)}."
        found.append((f"{text} All are listed in `skipped`.", SkippedFilesWarning))
    return found


def describe(rows: list[list[Any]], used: Used, empty: Counter[str], spacing: float | None) -> str:
    """The DESCR: without the folder's name, which may be a person's."""
    kept = "the CT's own distance" if spacing is None else f"{spacing:g} mm"
    left = "".join(f" {n} slices were left out: {why}." for why, n in sorted(empty.items()))
    return (
        f"{len(rows)} axial CT-MRI pairs of {len(used)} pairs of volumes, slices at {kept}, the "
        f"MRI interpolated on the CT's grid by their affines.{left}"
    )
