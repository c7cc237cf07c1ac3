"""Warnings, units and the description of a set of volumes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from ctmri_detect.exceptions import (
    CtmriDetectWarning,
    GeometryWarning,
    IdentityWarning,
    MixedDataWarning,
    PrivacyWarning,
    SkippedFilesWarning,
    UnitsWarning,
    UnpairedDataWarning,
)
from ctmri_detect.io.listing import first_reasons
from ctmri_detect.io.volumes.cut import EXPECTED, VolumePair, VolumeSlices
from ctmri_detect.io.volumes.dicom_headers import Skipped
from ctmri_detect.io.volumes.places import LEAST_OVERLAP, say

Used = list[tuple[VolumePair, VolumeSlices]]
"""The pairs of volumes that gave slices, with what is known of them."""


def units_of(used: Used) -> str | None:
    """The units that all CT share; None where they don't, or where they are unknown."""
    units = {slices.units for _, slices in used}
    return units.pop() if len(units) == 1 else None


def findings(
    used: Used, skipped: Skipped, frame: pd.DataFrame
) -> list[tuple[str, type[CtmriDetectWarning]]]:
    """What to warn of, once each."""
    found: list[tuple[str, type[CtmriDetectWarning]]] = []
    odd = [(pair.ct, slices.units_problem) for pair, slices in used if slices.units is None]
    if odd:
        text = f"{len(odd)} of {len(used)} CT are not in HU; {odd[0][0]}: {odd[0][1]}."
        found.append((f"{text} ct_units is None.", UnitsWarning))
    units = Counter(slices.units or "unknown" for _, slices in used)
    if len(units) > 1:
        listed = ", ".join(f"{name} ({n} volumes)" for name, n in units.items())
        text = f"The CT mix units: {listed}; ct_units is None. Load each kind by itself."
        found.append((text, MixedDataWarning))
    sequences = Counter(pair.sequence or "unknown" for pair, _ in used)
    if len(sequences) > 1:
        listed = ", ".join(f"{name} ({n} volumes)" for name, n in sequences.items())
        text = f"The MRI mix sequences: {listed}. One data set holds one: choose by sequence=."
        found.append((text, MixedDataWarning))
    found += [(text, MixedDataWarning) for text in _lesion_files(used)]
    apart = sum(not pair.same_space for pair, _ in used)
    if apart:
        text = (
            f"In {apart} of {len(used)} pairs CT and MRI have different frames of reference: "
            "unless somebody registered them, equal coordinates are different places. Register "
            "them first, or look at check_pairing."
        )
        found.append((text, UnpairedDataWarning))
    found += [(text, IdentityWarning) for text in _identities(used)]
    found += [(text, GeometryWarning) for text in _places(used)]
    burned = sum(pair.burned_in for pair, _ in used)
    if burned:
        text = f"{burned} of {len(used)} pairs say that text is burned into their images."
        found.append((f"{text} Look at them before you share any.", PrivacyWarning))
    if skipped:
        text = f"{len(skipped)} entries were skipped{first_reasons(skipped)}."
        found.append((f"{text} All are listed in `skipped`.", SkippedFilesWarning))
    return found


def left_out(pair: VolumePair, empty: Counter[str], total: int) -> Skipped:
    """The entry for slices that were left out of a pair of volumes, by reason.

    Empty where all of them were expected.
    """
    if not set(empty) - EXPECTED:
        return []
    reasons = ", ".join(f"{why} ({n})" for why, n in sorted(empty.items()))
    return [(pair.ct, f"{empty.total()} of {total} slices are left out: {reasons}")]


def _lesion_files(used: Used) -> list[str]:
    lacking = [pair.ct for pair, _ in used if pair.read_lesion is None]
    if not 0 < len(lacking) < len(used):
        return []
    return [
        f"{len(lacking)} of {len(used)} CT have no lesion file beside them, such as {lacking[0]}: "
        "masks and target are None. For a healthy patient, an empty one says so."
    ]


def _identities(used: Used) -> list[str]:
    two = [(pair.ct, pair.two_people) for pair, _ in used if pair.two_people]
    if not two:
        return []
    listed = "; ".join(f"{name} ({' and '.join(tags)})" for name, tags in two[:3])
    return [
        f"In {len(two)} of {len(used)} pairs CT and MRI have one PatientID, but different values "
        f"where a person has one: {listed}{'; ...' if len(two) > 3 else ''}. They may be two "
        "people. Look at their headers, and leave them out or mend the ID."
    ]


def _places(used: Used) -> list[str]:
    """Files whose place is in doubt, and pairs that overlap little."""
    doubts = [doubt for _, slices in used for doubt in slices.doubts]
    texts = [say(doubts)] if doubts else []
    gaps = [f"{pair.ct}: {gap}" for pair, slices in used for gap in slices.gaps]
    if gaps:
        texts.append(
            f"Slices are missing, and nothing stands in for them: {'; '.join(gaps[:3])}"
            f"{'; ...' if len(gaps) > 3 else ''}."
        )
    low = [(pair.ct, s.overlap.share) for pair, s in used if s.overlap.share < LEAST_OVERLAP]
    if low:
        listed = ", ".join(f"{name} ({share:.0%})" for name, share in low[:3])
        texts.append(
            f"In {len(low)} of {len(used)} pairs the MRI shows less than half of the head in the "
            f"CT: {listed}{', ...' if len(low) > 3 else ''}. Do the two share coordinates?"
        )
    return texts


def describe(rows: list[list[Any]], used: Used, empty: Counter[str], spacing: float | None) -> str:
    """The DESCR: without the folder's name, which may be a person's."""
    kept = "the CT's own distance" if spacing is None else f"{spacing:g} mm"
    left = "".join(f" {n} slices were left out: {why}." for why, n in sorted(empty.items()))
    return (
        f"{len(rows)} axial CT-MRI pairs of {len(used)} pairs of volumes, slices at {kept}, the "
        f"MRI interpolated on the CT's grid by their affines.{left}"
    )
