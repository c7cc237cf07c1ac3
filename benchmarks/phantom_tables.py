"""Tables of docs/phantom.md, for `write_tables.py`."""

from __future__ import annotations

import pandas as pd
from table_spec import Form, Part, Table, flat, kept, listed, said

FIGURES = (
    "GM-WM difference, HU",
    "CT noise SD, HU",
    "GM-WM CNR",
    "grey matter, HU",
    "white matter, HU",
    "fluid, HU",
    "T2: fluid / white matter",
    "T2: grey / white matter",
    "MRI noise, % of white matter",
    "MRI bias field, half range, %",
)
SHARES = (5, 25, 75, 95)
CT = "CT 5 / 25 / 75 / 95 %, HU from the median"
T2 = "T2 5 / 25 / 75 / 95 %, over the median"
IMAGES = {"phantom (T2)": None, "real pairs (T2)": None, "real CT (Kaggle)": {T2: ""}}
DETECTORS = {
    "`ThresholdDetector`": "threshold",
    "per-position atlas": "atlas-position",
    "`AtlasDetector`": "atlas",
    "`CrossModalDetector`": "cross-modal",
}
DIFFICULTY = {  # as the run printed them
    "mild": (
        "0.520 (0.485 to 0.554)",
        "0.526 (0.495 to 0.557)",
        "0.579 (0.549 to 0.611)",
        "0.697 (0.665 to 0.731)",
    ),
    "moderate": (
        "0.595 (0.560 to 0.631)",
        "0.663 (0.624 to 0.701)",
        "0.729 (0.694 to 0.764)",
        "0.872 (0.847 to 0.894)",
    ),
    "severe": (
        "0.647 (0.610 to 0.685)",
        "0.752 (0.717 to 0.786)",
        "0.814 (0.786 to 0.842)",
        "0.950 (0.937 to 0.964)",
    ),
}
KINDS = sorted(set(flat("difficulty")["kind"]) - {"all"})


def _severities(found: pd.DataFrame) -> str:
    means = found.groupby("severity")["image_auroc"].mean()
    return " / ".join(f"{means[severity]:.2f}" for severity in DIFFICULTY)


def _columns(form: Form | None = None, leave: str = "") -> list[Part]:
    """A column a detector."""
    names = {label: name for label, name in DETECTORS.items() if name != leave}
    return [Part(label, {"detector": name}, form) for label, name in names.items()]


def _intervals(severity: str) -> dict[str, Form]:
    texts = zip(DETECTORS, DIFFICULTY[severity], strict=True)
    return {label: kept("image_auroc", text) for label, text in texts}


TABLES = {
    "phantom-figures": Table(
        "phantom_validation",
        "figure",
        [Part(name, {"figure": name}) for name in FIGURES],
        [
            Part("phantom, mean", form=said("{:.2f}", "phantom, mean")),
            Part("SD between subjects", form=said("{:.2f}", "SD between subjects")),
            Part("published", form=listed("{}", "published")),
            Part("source", form=listed("{}", "source")),
        ],
    ),
    "phantom-images": Table(
        "phantom_validation",
        "images",
        [Part(name, {"images": name}, form) for name, form in IMAGES.items()],
        [
            Part(
                CT,
                form=said(
                    "{:+.1f} / {:+.1f} / {:+.1f} / {:+.1f}",
                    *(f"CT {share} %, HU from median" for share in SHARES),
                ),
            ),
            Part(
                T2,
                form=said(
                    "{:.2f} / {:.2f} / {:.2f} / {:.2f}",
                    *(f"MRI {share} % / median" for share in SHARES),
                ),
            ),
        ],
    ),
    "difficulty": Table(
        "difficulty",
        "severity",
        [Part(s, {"severity": s, "kind": "all"}, _intervals(s)) for s in DIFFICULTY],
        _columns(),
    ),
    "difficulty-maps": Table(
        "difficulty",
        "severity",
        [Part(s, {"severity": s, "kind": "all"}) for s in DIFFICULTY],
        _columns(said("{:.3f}", "pixel_ap", bare=True)),
    ),
    "difficulty-kinds": Table(
        "difficulty",
        "kind",
        [Part(f"`{kind}`", {"kind": kind}) for kind in KINDS],
        _columns(_severities, "atlas-position"),
    ),
    "phantom-speed": Table(
        "phantom_speed",
        "",
        [
            Part("one process", form=said("{:.0f} s", "seconds, 1 process")),
            Part("two processes, the same bits", form=said("{:.0f} s", "seconds, 2 processes")),
            Part(
                "a 4096 x 4096 float32 matrix product beside it",
                form=said("{:.2f} s", "matrix product, s"),
            ),
            Part(
                "rise of memory (anonymous)",
                form=said(
                    "{:.0f} and {:.0f} MiB with one and two processes, of which the masks take 63",
                    "anonymous memory of this process, MiB, 1",
                    "anonymous memory of this process, MiB, 2",
                ),
            ),
        ],
        [Part("")],
    ),
}
