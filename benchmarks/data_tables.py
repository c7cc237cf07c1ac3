"""Tables of docs/data.md, for `write_tables.py`."""

from __future__ import annotations

import pandas as pd
from table_spec import Form, Part, Table, around, listed, said, span

FAR = "of another subject, one pair a subject, each at a level of its own"
VERDICTS: dict[str, tuple[str | tuple[str, ...], str]] = {
    "their own": ("true, 64 pairs", "paired"),
    "mirrored left to right": ("mirrored, 64 pairs", "mirrored"),
    "of the next slice, of the slice before": (
        ("next slice, 64 pairs", "slice before, 64 pairs"),
        "one slice off",
    ),
    "of another subject, same level": ("same level, 64 pairs", "not paired"),
    "their own, one pair a subject (8 pairs)": ("true, 8 pairs", "paired"),
    FAR: ("same level, 8 pairs", "not paired"),
}
REAL: dict[str, tuple[str | tuple[str, ...], str]] = {
    "95 registered pairs of 5 patients": ("brain_pairs", "nothing"),
    "the same, MRI mirrored": ("brain_pairs, mirrored", "mirrored"),
    "the same, MRI of the next slice; of the slice before": (
        ("brain_pairs, next slice", "brain_pairs, slice before"),
        "one slice off, in the right direction",
    ),
    "the same, patients exchanged": (
        "brain_pairs, patients exchanged",
        '"mirrored", **wrongly**',
    ),
    "11 pairs of equal numbers of the Kaggle set, which are strangers": (
        "kaggle_layout, by number",
        '"mirrored", **wrongly**',
    ),
}
ORDERS: dict[str, str | tuple[str, ...]] = {
    "**synthetic**, 20 sets of 64 slices (seeds 0 to 19), CT in HU, or in an 8-bit window from "
    "-110 to 190 HU": ("HU", "8-bit, -110 to 190 HU"),
    "the same, CT in the 8-bit brain window": "8-bit, 0 to 80 HU",
    "the same without skull": "without skull, 0 outside",
    "95 real pairs, 8 bits": "brain_pairs",
    "real CT and MRI of strangers (Kaggle, 11 pairs of equal numbers), 8 bits": "kaggle_layout",
}
SHIFTS = {
    "64 synthetic pairs of 256 pixels, the phantom's own misregistration counted in": "phantom",
    "95 real pairs, against what is found without a motion": "brain_pairs",
}
MOVED = {"what": "shift", "moved_px": (1, 2, 4, 8)}


def _paired(found: pd.DataFrame) -> str:
    return "yes" if found["paired"].all() else "no"


def _figure(template: str) -> Form:
    """A number, and how many times as much it is as that of an older commit."""
    return said(template, "value", "ratio", how="max", bare=True)


TIMES = {
    "preparing (`make_preprocessor`)": ("prepare", "{:.0f} ({:.1f} times as many)"),
    "scoring prepared pairs, `AtlasDetector`": ("score, atlas", "{:.0f} ({:.1f} times)"),
    "scoring prepared pairs, `CrossModalDetector`": (
        "score, cross-modal",
        "{:.0f} ({:.2f} times)",
    ),
    "PNG files to scores, `AtlasDetector`": ("files to scores, atlas", "{:.0f} ({:.1f} times)"),
    "PNG files to scores, `CrossModalDetector`": (
        "files to scores, cross-modal",
        "{:.0f} ({:.1f} times)",
    ),
    "rise of memory (anonymous), files to scores": (
        ("MiB, atlas", "MiB, cross-modal"),
        "{:.0f} MiB ({:.2f} times)",
    ),
}
LOADING = {
    "loading, one process": (
        {"what": "load_pairs", "n_jobs": 1},
        said("{:.0f} pairs a second", "pairs_per_second"),
    ),
    "loading, two processes": (
        {"what": "load_pairs", "n_jobs": 2},
        said("{:.0f} pairs a second ({:.1f} times)", "pairs_per_second", "ratio_to_one"),
    ),
    "rise of memory of `transform_to` (anonymous), 1,000 pairs": (
        {"what": "transform_to, memory", "pairs": 1000},
        said("{:.1f} MiB", "anonymous_mb"),
    ),
    "the same, 10,000 pairs": (
        {"what": "transform_to, memory", "pairs": 10000},
        said("{:.1f} MiB", "anonymous_mb"),
    ),
}
CLOSE = {"within 1 px and 0.5°": said("{:.0%}", "within 1 px and 0.5 degrees")}
ERRORS = "error, median rms px", "error, worst rms px"
CLOSE["error over the head, median / worst px"] = said("{:.2f} / {:.2f}", *ERRORS, bare=True)

TABLES = {
    "check-pairing": Table(
        "pairing",
        "MRI",
        [
            Part(
                label,
                {"what": "verdict", "pairs": pairs},
                {"should be": text}
                | (
                    {"paired": around("**{}**", span("{:.0%}", "called paired"))}
                    if label == FAR
                    else {}
                ),
            )
            for label, (pairs, text) in VERDICTS.items()
        ],
        [
            Part("paired", form=span("{:.0%}", "called paired")),
            Part('named "mirrored"', form=span("{:.0%}", "mirrored")),
            Part('named "one slice off"', form=span("{:.0%}", "slip")),
            Part("should be"),
        ],
    ),
    "check-pairing-real": Table(
        "pairing",
        "pairs",
        [
            Part(label, {"what": "real", "data": data}, {"named": named})
            for label, (data, named) in REAL.items()
        ],
        [
            Part("p", form=listed("{:.3f}", "p_value", "; ")),
            Part("paired", form=_paired),
            Part("named"),
        ],
    ),
    "check-modalities": Table(
        "pairing",
        "pairs",
        [Part(label, {"what": "order", "input": data}) for label, data in ORDERS.items()],
        [
            Part("tell", form=span("{:.0%}", "tell")),
            Part("wrong", form=span("{:.1%}", "tell wrongly")),
        ],
    ),
    "shift": Table(
        "pairing",
        "pairs",
        [Part(label, MOVED | {"data": data}) for label, data in SHIFTS.items()],
        [
            Part("median", form=span("{:.1f}", "median error px")),
            Part("90 %", form=said("{:.1f}", "90 % error px", how="max")),
        ],
    ),
    "registrar": Table(
        "registration",
        "MRI, input",
        [
            Part(
                f"{name}, {'raw' if given == 'raw' else 'after `BrainMask`'}",
                {"data": f"phantom {name.lower()}", "input": given, "motion": "10 px, 5 degrees"},
            )
            for given in ("raw", "after BrainMask")
            for name in ("T1", "T2", "FLAIR")
        ],
        [Part(label, form=form) for label, form in CLOSE.items()],
    ),
    "loading": Table(
        "loading",
        "medians of 3",
        [Part(label, where, form) for label, (where, form) in LOADING.items()],
        [Part("")],
    ),
    "pairs-a-second": Table(
        "pairs_a_second",
        "",
        [Part(k, {"what": what}, _figure(text)) for k, (what, text) in TIMES.items()],
        [Part("1 thread", {"threads": 1}), Part("2 threads", {"threads": 2})],
    ),
}
