"""Warnings, units and the description of a set of volumes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from ctmri_detect._warnings import warn_user
from ctmri_detect.datasets.exchanged import ct_with_each
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
from ctmri_detect.io.volumes.cut import VolumeSlices, is_expected
from ctmri_detect.io.volumes.dicom_headers import Skipped
from ctmri_detect.io.volumes.places import LEAST_OVERLAP, say
from ctmri_detect.io.volumes.volume_set import VolumeSet
from ctmri_detect.pairing import Verdict, pairing_verdict

Used = list[tuple[VolumeSet, VolumeSlices]]
"""The volumes of each head that gave slices, with what is known of them."""
Findings = list[tuple[str, type[CtmriDetectWarning]]]


def units_of(used: Used) -> str | None:
    """The units that all CT share; None where they don't, where they are unknown, or without CT."""
    units = {slices.units for _, slices in _with_ct(used)}
    return units.pop() if len(units) == 1 else None


def _with_ct(used: Used) -> Used:
    return [(scans, slices) for scans, slices in used if "ct" in slices.names]


def findings(used: Used, skipped: Skipped) -> Findings:
    """What to warn of, once each."""
    found = _units(used)
    sequences = Counter(scans.sequence or "unknown" for scans, _ in used)
    if "mri" in used[0][0].planes and len(sequences) > 1:
        listed = ", ".join(f"{name} ({n} volumes)" for name, n in sequences.items())
        text = f"The MRI mix sequences: {listed}. Choose one with sequence=."
        found.append((text, MixedDataWarning))
    found += [(text, MixedDataWarning) for text in _lesion_files(used)]
    apart = sum(not scans.same_space for scans, _ in used)
    if apart:
        what = "CT and MRI" if used[0][0].whole else "the volumes"
        text = (
            f"In {apart} of {len(used)} pairs {what} have different frames of reference: "
            "unless they were registered, equal coordinates are different places. Register "
            "them first, or look at check_pairing."
        )
        found.append((text, UnpairedDataWarning))
    found += [(text, IdentityWarning) for text in _identities(used)]
    found += [(text, GeometryWarning) for text in _places(used)]
    burned = sum(scans.burned_in for scans, _ in used)
    if burned:
        text = f"{burned} of {len(used)} pairs say that text is burned into their images."
        found.append((f"{text} Look at them before you share any.", PrivacyWarning))
    if skipped:
        text = f"{len(skipped)} entries were skipped{first_reasons(skipped)}."
        found.append((f"{text} All are listed in `skipped`.", SkippedFilesWarning))
    return found


def _units(used: Used) -> Findings:
    """Warnings of CT that are not in HU, and of CT in several units."""
    found: Findings = []
    with_ct = _with_ct(used)
    odd = [(scans.files["ct"], s.units_problem) for scans, s in with_ct if s.units is None]
    if odd:
        text = f"{len(odd)} of {len(with_ct)} CT are not in HU; {odd[0][0]}: {odd[0][1]}."
        found.append((f"{text} ct_units is None.", UnitsWarning))
    units = Counter(slices.units or "unknown" for _, slices in with_ct)
    if len(units) > 1:
        listed = ", ".join(f"{name} ({n} volumes)" for name, n in units.items())
        text = f"The CT mix units: {listed}; ct_units is None. Load each kind by itself."
        found.append((text, MixedDataWarning))
    return found


def asked(data: Any, modalities: tuple[str, ...], patients: pd.Series) -> Verdict | None:
    """The verdict of `check_pairing` on the slices; a warning where they are no pairs.

    Each of several MRI is compared, and the worst verdict is given: False, True, None in this
    order. None without a CT or an MRI.
    """
    codes = pd.factorize(patients)[0].astype(np.int64) if patients.notna().all() else None
    worst: Verdict | None = None
    for name, pairs in ct_with_each(data, modalities).items():
        verdict = pairing_verdict(pairs, codes)
        if verdict.paired is False:
            text = f"{verdict.why_not()}. Differences between the two then mean nothing."
            text = text if name == "MRI" else f"CT and {name}: {text}"
            warn_user(f"{text} See `pairing`, and check_pairing(X).", UnpairedDataWarning)
        if worst is None or _ORDER[verdict.paired] < _ORDER[worst.paired]:
            worst = verdict
    return worst


_ORDER = {False: 0, None: 1, True: 2}  # the worst first: not known is no proof


def left_out(scans: VolumeSet, empty: Counter[str], total: int) -> Skipped:
    """The entry for slices that were left out of the volumes of a head, by reason.

    Empty where all of them were expected.
    """
    if all(is_expected(why) for why in empty):
        return []
    reasons = ", ".join(f"{why} ({n})" for why, n in sorted(empty.items()))
    return [(scans.name, f"{empty.total()} of {total} slices are left out: {reasons}")]


def _lesion_files(used: Used) -> list[str]:
    lacking = [scans.name for scans, _ in used if scans.read_lesion is None]
    if not 0 < len(lacking) < len(used):
        return []
    what = "CT" if "ct" in used[0][0].planes else "heads"
    return [
        f"{len(lacking)} of {len(used)} {what} have no lesion file beside them, such as "
        f"{lacking[0]}: masks and target are None. Give healthy patients an empty lesion file."
    ]


def _identities(used: Used) -> list[str]:
    two = [(scans.name, scans.two_people) for scans, _ in used if scans.two_people]
    if not two:
        return []
    listed = "; ".join(f"{name} ({' and '.join(tags)})" for name, tags in two[:3])
    return [
        f"In {len(two)} of {len(used)} pairs CT and MRI have the same PatientID, but different "
        f"values where a person has one: {listed}{'; ...' if len(two) > 3 else ''}. They may be "
        "two people. Look at their headers, and leave them out or correct the ID."
    ]


def _places(used: Used) -> list[str]:
    """Files whose place is in doubt, and volumes that overlap little."""
    doubts = [doubt for _, slices in used for doubt in slices.doubts]
    texts = [say(doubts)] if doubts else []
    gaps = [f"{scans.name}: {gap}" for scans, slices in used for gap in slices.gaps]
    if gaps:
        texts.append(
            f"Slices are missing, and nothing replaces them: {'; '.join(gaps[:3])}"
            f"{'; ...' if len(gaps) > 3 else ''}."
        )
    shares = [
        (scans.name, min((o.share for o in slices.overlaps.values()), default=1.0))
        for scans, slices in used
    ]
    low = [(name, share) for name, share in shares if share < LEAST_OVERLAP]
    if low:
        listed = ", ".join(f"{name} ({share:.0%})" for name, share in low[:3])
        texts.append(
            f"In {len(low)} of {len(used)} pairs the MRI shows less than half of the head in the "
            f"CT: {listed}{', ...' if len(low) > 3 else ''}. Do the two share coordinates?"
        )
    return texts


def describe(rows: list[list[Any]], used: Used, empty: Counter[str], spacing: float | None) -> str:
    """The DESCR; it leaves out the folder's name, which may be a person's."""
    first = used[0][0]
    own = "CT" if "ct" in first.planes else "first volume"
    kept = f"the {own}'s own distance" if spacing is None else f"{spacing:g} mm"
    left = "".join(f" {n} slices were left out: {why}." for why, n in sorted(empty.items()))
    if first.whole:
        return (
            f"{len(rows)} axial CT-MRI pairs of {len(used)} pairs of volumes, slices at {kept}, "
            f"the MRI interpolated on the CT's grid by their affines.{left}"
        )
    counts = Counter(name for _, slices in used for name in slices.names)
    listed = ", ".join(f"{counts[name]} {name.upper()}" for name in first.planes)
    return (
        f"{len(rows)} axial samples of {len(used)} heads (volumes: {listed}), slices at {kept}, "
        f"all interpolated on the grid of the {own} by their affines.{left}"
    )
