"""What is known of a result from how its files were made; never from the library's own reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .case import Check, Outcome, Outcomes

Array = NDArray[Any]


def differs(found: Array, right: Array, tolerance: float) -> str:
    """How two arrays differ, "" where they don't."""
    right = np.asarray(right)
    if found.shape != right.shape:
        return f"shape {found.shape}, should be {right.shape}"
    right = right.astype(np.float32)
    if not np.array_equal(np.isnan(found), np.isnan(right)):
        return f"{np.isnan(found).sum()} NaN, should be {np.isnan(right).sum()}"
    off = np.abs(found.astype(np.float64) - right)[~np.isnan(right)]
    if not off.size or off.max() <= tolerance:
        return ""
    at = np.unravel_index(np.nanargmax(np.abs(found.astype(np.float64) - right)), found.shape)
    return f"wrong by {off.max():.6g} at {tuple(map(int, at))}: {found[at]}, should be {right[at]}"


def plane_of(outcome: Outcome, path: str) -> Array | None:
    """The plane that `load_pairs` read out of a file."""
    if outcome.value is None:
        return None
    frame = outcome.value.frame
    for plane, column in enumerate(("ct", "mri")):
        rows = np.flatnonzero((frame[column] == path).to_numpy())
        if rows.size:
            return np.asarray(outcome.value.data[rows[0], plane])
    return None


def refusal(outcome: Outcome, name: str) -> str:
    """Why a file was refused, from the error or from `skipped`; "" where it isn't named."""
    if outcome.error is not None:
        return outcome.text if name in outcome.text else ""
    return next((why for file, why in outcome.value.skipped if file == name), "")


def slice_is(path: str, right: Array, tolerance: float = 0.0) -> Check:
    """`load_pairs` gives these values for a file, and `describe_pairs` their range."""

    def check(out: Outcomes) -> Iterator[str]:
        found = plane_of(out["load_pairs"], path)
        if found is None:
            why = refusal(out["load_pairs"], path) or out["load_pairs"].text or "no word of it"
            yield f"{path} is not loaded: {why}"
        elif wrong := differs(found, right, tolerance):
            yield f"{path}: {wrong}"
        yield from faults_described(out["describe_pairs"], path, right, tolerance)

    return check


def faults_described(outcome: Outcome, path: str, right: Array, tolerance: float) -> Iterator[str]:
    if outcome.value is None:
        return
    rows = outcome.value.files
    rows = rows[rows["file"] == path]
    if len(rows) != 1:
        yield f"inspect has {len(rows)} rows for {path}"
        return
    row = rows.iloc[0]
    if row["reason"]:
        yield f"inspect refuses {path}: {row['reason']}"
        return
    shape = (row["height"], row["width"])
    if right.ndim == 3:
        shape = (row["depth"], *shape)
    if shape != right.shape:
        yield f"inspect says {shape} of {path}, should be {right.shape}"
    values = right[~np.isnan(right)] if right.dtype.kind == "f" else right
    for what, value in (("min", values.min()), ("max", values.max())):
        if abs(float(row[what]) - float(value)) > tolerance + 1e-6 * abs(float(value)):
            yield f"inspect says {what} {row[what]} of {path}, should be {value}"


def slice_refused(path: str, words: str = "") -> Check:
    """Nothing is loaded of a file; `skipped` or the error names it, with a reason."""

    def check(out: Outcomes) -> Iterator[str]:
        if plane_of(out["load_pairs"], path) is not None:
            yield f"{path} is loaded, should be refused"
            return
        why = refusal(out["load_pairs"], path)
        if not why:
            yield f"{path} is refused and not named: {out['load_pairs'].text[:200]}"
        elif not re.search(words, why, re.IGNORECASE):
            yield f"{path} is refused because {why!r}, should say {words!r}"
        outcome = out["describe_pairs"]
        if outcome.value is not None:
            rows = outcome.value.files
            if not rows.loc[rows["file"] == path, "reason"].ne("").all():
                yield f"inspect reads {path}, should refuse it"

    return check


def slice_right_or_refused(
    path: str, right: Array, tolerance: float = 0.0, words: str = ""
) -> Check:
    """A file whose damage shows gives its own values or is refused; never others."""

    def check(out: Outcomes) -> Iterator[str]:
        if plane_of(out["load_pairs"], path) is None:
            yield from slice_refused(path, words)(out)
        else:
            yield from slice_is(path, right, tolerance)(out)

    return check


def pairs_are(
    right: set[tuple[str, str]],
    patients: dict[str, str | None] | None = None,
    sequences: dict[str, str | None] | None = None,
) -> Check:
    """`find_pairs` pairs these files and no others; patients and sequences by the CT's path."""

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["find_pairs"]
        if outcome.value is None:
            if right:
                yield f"find_pairs: {outcome.text[:300]}"
            return
        frame = outcome.value
        rows = frame[frame["status"] == "paired"]
        found = set(zip(rows["ct"], rows["mri"], strict=True))
        if found != right:
            lost, more = sorted(right - found)[:2], sorted(found - right)[:2]
            yield f"pairs: not found {lost}, found instead {more} ({frame.attrs['layout']})"
            return
        for column, wanted in (("patient", patients), ("sequence", sequences)):
            for row in rows.itertuples() if wanted is not None else ():
                value = getattr(row, column)
                value = None if value is None or value != value else value
                if value != wanted[row.ct]:
                    yield f"{column} of {row.ct} is {value!r}, should be {wanted[row.ct]!r}"
                    return

    return check


def error_says(call: str, words: str) -> Check:
    """A call ends in an error of the library whose message holds these words."""

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out[call]
        if outcome.left_out:
            return
        if outcome.error is None:
            yield f"{call} gives a result, should refuse: {words!r}"
        elif not re.search(words, outcome.text, re.IGNORECASE):
            yield f"{call} says {outcome.text[:200]!r}, should say {words!r}"

    return check


def warned(call: str, name: str) -> Check:
    """A call warns by a class of this name."""

    def check(out: Outcomes) -> Iterator[str]:
        names = {category.__name__ for category, _ in out[call].warnings}
        if out[call].error is None and name not in names:
            yield f"{call} gives no {name}"

    return check
