"""What is known of volumes from how their files were made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .case import Check, Outcome, Outcomes
from .expect import differs, faults_described, refusal

Array = NDArray[Any]


def volume_is(
    ct: str,
    right: Array,
    spacing: float,
    *,
    tolerance: float = 0.0,
    masks: Array | None = None,
    described: tuple[str, Array] | None = None,
    **columns: Any,
) -> Check:
    """`load_volume_pairs` gives these slices ``(n, 2, h, w)`` for the volume of this name.

    `columns` are values that its rows of the frame have; `described` is a file and the volume
    that `describe_pairs` should see in it.
    """

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_volume_pairs"]
        if described is not None:
            yield from faults_described(out["describe_pairs"], *described, tolerance)
        if outcome.value is None:
            yield f"{ct} is not loaded: {outcome.text[:300]}"
            return
        frame = outcome.value.frame
        rows = np.flatnonzero((frame["ct"] == ct).to_numpy())
        if not rows.size:
            yield f"{ct} is not loaded: {refusal(outcome, ct) or 'no word of it'}"
            return
        yield from _same(outcome, rows, right, spacing, tolerance, masks)
        for column, value in columns.items():
            if not frame[column].iloc[rows].eq(value).all():
                yield f"{column} is {frame[column].iloc[rows[0]]!r}, should be {value!r}"

    return check


def _same(
    outcome: Outcome,
    rows: Array,
    right: Array,
    spacing: float,
    tolerance: float,
    masks: Array | None,
) -> Iterator[str]:
    if wrong := differs(np.asarray(outcome.value.data[rows]), right, tolerance):
        yield f"values: {wrong}"
    frame = outcome.value.frame.iloc[rows]
    found = frame["spacing"].to_numpy(dtype=float)
    if np.abs(found - spacing).max() > 1e-3 * spacing:
        yield f"spacing {found[0]} mm, should be {spacing}"
    if masks is None:
        return
    if outcome.value.masks is None:
        yield "no masks"
    elif not np.array_equal(outcome.value.masks[rows], masks):
        yield f"masks: {outcome.value.masks[rows].sum()} pixels, should be {masks.sum()}"
    elif not np.array_equal(outcome.value.target[rows], np.where(masks.any(axis=(1, 2)), -1, 1)):
        yield f"target {outcome.value.target[rows]}"


def volume_refused(ct: str, words: str = "", file: str | None = None) -> Check:
    """Nothing is loaded of a pair, and `skipped` or the error names it with a reason."""

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_volume_pairs"]
        if outcome.value is not None and (outcome.value.frame["ct"] == ct).any():
            yield f"{ct} is loaded, should be refused"
            return
        why = refusal(outcome, ct) or (refusal(outcome, file) if file else "")
        if not why:
            yield f"{ct} is refused and not named: {outcome.text[:200]}"
        elif not re.search(words, why, re.IGNORECASE):
            yield f"{ct} is refused because {why!r}, should say {words!r}"
        found = out["describe_pairs"].value
        if file is not None and found is not None:
            rows = found.files
            if not rows.loc[rows["file"] == file, "reason"].ne("").all():
                yield f"inspect reads {file}, should refuse it"

    return check


def volume_right_or_refused(
    ct: str, right: Array, spacing: float, tolerance: float = 0.0, file: str | None = None
) -> Check:
    """A volume whose damage shows gives its own values or is refused; never others."""

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_volume_pairs"]
        loaded = outcome.value is not None and (outcome.value.frame["ct"] == ct).any()
        one = volume_is(ct, right, spacing, tolerance=tolerance)
        yield from (one if loaded else volume_refused(ct, file=None))(out)

    return check


def patients_are(right: list[tuple[Array, float, str | None]], tolerance: float = 0.0) -> Check:
    """`load_volume_pairs` gives these patients of a DICOM folder, whatever their pseudonyms.

    Each is its slices ``(n, 2, h, w)``, their spacing and the MRI's sequence.
    """

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_volume_pairs"]
        if outcome.value is None:
            yield f"nothing is loaded: {outcome.text[:300]}"
            return
        frame, data = outcome.value.frame, np.asarray(outcome.value.data)
        names = list(dict.fromkeys(frame["patient"]))
        if len(names) != len(right):
            why = outcome.value.skipped[:3]
            yield f"{len(names)} patients, should be {len(right)}; skipped {why}"
            return
        left = list(right)
        for name in names:
            rows = np.flatnonzero((frame["patient"] == name).to_numpy())
            wrongs = [differs(data[rows], one[0], tolerance) for one in left]
            if "" not in wrongs:
                yield f"values of a patient: {wrongs[0]}"
                return
            _, spacing, sequence = left.pop(wrongs.index(""))
            found = frame.iloc[rows[0]]
            if abs(found["spacing"] - spacing) > 1e-3 * spacing:
                yield f"spacing {found['spacing']} mm, should be {spacing}"
            if sequence != (found["sequence"] or None):
                yield f"sequence {found['sequence']!r}, should be {sequence!r}"

    return check


def nobody_left(words: str) -> Check:
    """No DICOM series is loaded, and the error or `skipped` says why in these words."""

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_volume_pairs"]
        if outcome.value is not None:
            yield f"a series is loaded, should be refused: {words!r}"
        elif not re.search(words, outcome.text, re.IGNORECASE):
            yield f"refused because {outcome.text[:300]!r}, should say {words!r}"

    return check
