"""All findings about a folder of CT and MRI, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.inspection import file_findings as files
from ctmri_detect.inspection.description import count
from ctmri_detect.inspection.file_findings import Finding, named
from ctmri_detect.inspection.file_stats import FileStats
from ctmri_detect.io.volumes.places import doubts, say
from ctmri_detect.layouts.planes import first_file, is_sample, is_together, plane_columns
from ctmri_detect.pairing.modalities import EXCHANGED

_ORDER = {"error": 0, "warning": 1, "note": 2}


def list_findings(found: Bunch, attributes: dict[str, Any], why: list[str]) -> list[Finding]:
    """All findings, errors first; within a severity in the order of the checks below.

    Parameters
    ----------
    found : Bunch
        The result of `describe_pairs`, without findings and summary.
    attributes : dict
        `notes` of `find_pairs`, and `findings` about headers and positions.
    why : list of str
        Why the units of CT files are unknown.
    """
    checks: tuple[Callable[[Bunch], Iterator[Finding]], ...] = (
        _pairs_exist,
        _exchanged,
        _pairing,
        _leaks,
        files.damage,
        files.inverted,
        files.sizes,
        _registration,
        files.types,
    )
    findings = [finding for check in checks for finding in check(found)]
    findings += files.units(found, why)
    findings += attributes.get("findings", [])
    told = found.pairing is not None and found.pairing.paired is not None
    notes = attributes.get("notes", [])
    findings += [("note", note) for note in notes if not (told and "check_pairing" in note)]
    for check in (files.patients, files.counts, files.blank, _twice, files.colour):
        findings += check(found)
    return sorted(findings, key=lambda finding: _ORDER[finding[0]])


def place_findings(pairs: pd.DataFrame, read: list[FileStats]) -> Iterator[Finding]:
    """Volumes whose position is not certain, and volumes that lack slices."""
    places = {stats.row["file"]: stats.place for stats in read}
    found: list[str] = []
    for row in pairs.loc[is_together(pairs), plane_columns(pairs)].to_numpy():
        there = {name: place for name in row if (place := places.get(name)) is not None}
        if len(there) > 1:
            found += doubts(there)
    if found:
        yield "warning", say(found)
    gaps = [f"{stats.row['file']}: {stats.gaps[0]}" for stats in read if stats.gaps]
    if gaps:
        yield (
            "warning",
            f"Slices are missing in {count(len(gaps), 'volume')} ({'; '.join(gaps[:3])}"
            f"{'; ...' if len(gaps) > 3 else ''}). Find the files; load_volume_pairs leaves such "
            "patients out, unless you pass gaps='keep'.",
        )


def _pairs_exist(found: Bunch) -> Iterator[Finding]:
    n_pairs = int(is_together(found.pairs).sum())
    present = list(found.modalities.index)
    if found.files.empty:
        yield "error", "No image was found."
    elif len(present) == 1:
        yield "note", _alone(found, present[0], n_pairs)
    elif n_pairs == 0:
        by = "headers" if found.pairs.attrs["kind"] == "dicom" else "file names"
        yield "error", f"There are CT and MRI, but by the {by} no CT belongs to an MRI."
    yield from _unused(found, n_pairs)


def _alone(found: Bunch, modality: str, n_samples: int) -> str:
    """The note for a folder without CT or without MRI: how to use it."""
    parameter = f"modality={modality.lower()!r}"
    if n_samples:
        names = ", ".join(found.planes)
        sequences = tuple(name.lower() for name in found.planes)
        return (
            f"Only {modality} was found: no CT to pair it with. {n_samples} samples have two of "
            f"{names} or more. Load them with {parameter}, sequence={sequences}."
        )
    return (
        f"Only {modality} was found: nothing can be paired. Load it with {parameter}, and use a "
        "detector that works on one modality, such as atlas or autoencoder."
    )


def _unused(found: Bunch, n_pairs: int) -> Iterator[Finding]:
    """Files that are in no sample."""
    left = found.pairs[~is_sample(found.pairs)]
    columns = plane_columns(left)
    alone = left[columns].notna().any(axis=1)
    if n_pairs and alone.any() and not files.apart(found):
        names = [first_file(row) for _, row in left[alone].iterrows()]
        reason = left.loc[alone, "status"].mode().iloc[0]
        yield "warning", f"{named(names)} are not used; the most frequent reason: {reason}."
    if (~alone).any():
        states = left.loc[~alone, "status"]
        yield "note", f"{len(states)} more entries of the folder are not used: {states.iloc[0]}."


def _exchanged(found: Bunch) -> Iterator[Finding]:
    if found.pairing is not None and found.pairing.exchanged:
        yield "error", EXCHANGED


def _pairing(found: Bunch) -> Iterator[Finding]:
    asked = found.pairing
    if asked is None:
        return
    if asked.paired is False:
        strangers = found.pairs.attrs["layout"] == "cyclegan"
        why = _STRANGERS if strangers else f"{asked.why}."
        cure = _CURES["" if strangers else _kind(asked)]
        yield "error", f"{why} Differences between the two then mean nothing. {cure}"
    elif asked.paired is None:
        yield (
            "note",
            "Too few usable pairs to test whether CT and MRI belong together (8 are needed).",
        )
    else:
        yield (
            "note",
            f"CT and MRI belong together: a CT fits its own MRI better than other MRI "
            f"(p = {asked.p_value:.3g}, {asked.n_compared} pairs compared).",
        )


_STRANGERS = (
    "CT and MRI do not seem to show the same heads, as is usual in folders named trainA and trainB."
)
_CURES = {
    "mirrored": "Look at the pairs below. If each shows one head, mirror the MRI back, and find "
    "out which step mirrored them. If they show different people, they are two separate data sets: "
    "use one modality alone, modality='ct' or 'mri' (command line: --modality ct).",
    "slip": "Renumber the files of one modality, so that they move by one.",
    "": "Use them as two separate data sets, one modality alone: modality='ct' or 'mri' (command "
    "line: --modality ct).",
}


def _kind(asked: Bunch) -> str:
    return "mirrored" if asked.mirrored else "slip" if asked.slip else ""


def _leaks(found: Bunch) -> Iterator[Finding]:
    table = found.duplicates
    for rows, where, cure in (
        (
            table[table["splits"] != ""],
            "in different splits",
            "Results on the test set then look too good; split again, by patient.",
        ),
        (
            table[table["same_patient"].eq(False) & (table["splits"] == "")],
            "under different patients",
            "If a patient has two names, a split by patient may put both in different parts.",
        ),
    ):
        if len(rows):
            yield "error", f"{_stored_twice(rows, where)} {cure}"


def _twice(found: Bunch) -> Iterator[Finding]:
    table = found.duplicates
    rows = table[(table["splits"] == "") & ~table["same_patient"].eq(False)]
    if len(rows):
        known = rows["same_patient"].eq(True).all()
        where = "within one patient" if known else "within one split"
        yield "note" if known else "warning", _stored_twice(rows, where)


def _stored_twice(rows: pd.DataFrame, where: str) -> str:
    counts, first = rows["kind"].value_counts(), rows.iloc[0]
    kinds = ", ".join(f"{counts[k]} {k}" for k in ("exact", "near") if k in counts)
    return (
        f"{count(len(rows), 'image')} stored twice {where} ({kinds}), such as {first['file']} and "
        f"{first['other']}."
    )


def _registration(found: Bunch) -> Iterator[Finding]:
    asked = found.pairing
    if asked is None or files.apart(found):
        return
    bad = asked.pairs[asked.pairs["bad"]]
    if len(bad):
        worst = bad.loc[bad["shift"].idxmax()]
        things = "pairs" if asked.shift_unit == "px" else "slices of volumes"
        unit = {"px": "pixels"}.get(asked.shift_unit, asked.shift_unit)
        yield (
            "warning",
            f"{len(bad)} of {len(asked.pairs)} {things} seem badly registered, the worst "
            f"{worst['ct']}: its MRI seems shifted by {worst['shift']:.1f} {unit}. "
            "Look at them below before you trust a difference between the two.",
        )
