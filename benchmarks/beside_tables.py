"""Tables of the docs about times and memory, and about the tests, as frames of texts."""

from __future__ import annotations

import pandas as pd

SAID = {
    "fit": "`ctmri-detect fit`, 400 pairs",
    "score, start": "`ctmri-detect score`, whatever the folder holds",
    "score, a pair": "`ctmri-detect score`, each pair",
    "explain, a pair": "`explain`, each pair",
    "score, memory": "`ctmri-detect score`, memory",
    "model": "the saved model",
}
FILES = {"npy": "256 x 256, .npy in HU", "png": "512 x 512, 8-bit PNG"}


def beside(rows: pd.DataFrame) -> pd.DataFrame:
    """Old, new and ratio of each thing that was measured; times are those of the processor."""
    lines = {}
    for row in rows[rows["unit"] != "wall"].itertuples():
        what = SAID[row.what]
        if row.what == "score, memory":
            what += f", {row.n:.0f} pairs"
        lines[f"{what}; {FILES[row.files]}"] = {
            "before": said(row.old, row.unit),
            "now": said(row.new, row.unit),
            "before / now": f"{row.ratio:.1f}",
        }
    return pd.DataFrame(lines).T.rename_axis("")


def said(value: float, unit: str) -> str:
    """A number with its unit."""
    if unit == "MiB":
        return f"{value:.0f} MiB"
    return f"{value:.0f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def sizes(rows: pd.DataFrame) -> pd.DataFrame:
    """Sizes of saved models."""
    lines = {
        f"`{row.detector}`, {row.pairs} pairs": {"saved model": f"{row.megabytes:.0f} MB"}
        for row in rows.itertuples()
    }
    return pd.DataFrame(lines).T.rename_axis("detector")


def mutants(rows: pd.DataFrame) -> pd.DataFrame:
    """Changes drawn at random, and the test that failed first."""
    table = rows.sort_values("number").drop_duplicates("number")

    def code(text: str) -> str:
        return f"`{text.replace('|', chr(92) + '|')}`"

    caught = (
        table["caught_by"]
        .str.split(n=1)
        .str[-1]
        .fillna("")
        .map(lambda test: code(test) if test else "no")
    )
    shown = {
        "line": table["was"].map(code),
        "changed to": table["became"].map(code),
        "caught by": caught,
    }
    index = pd.Index(table["place"].str.removeprefix("ctmri_detect/"), name="place")
    return pd.DataFrame({k: v.tolist() for k, v in shown.items()}, index=index)


def again(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that were measured again beside the published ones; the last comparison of each."""
    found = rows.drop_duplicates("file", keep="last")
    shown = {
        "measured again on": found["commit"].map(lambda commit: f"`{commit}`"),
        "numbers": found["figures"].map(str),
        "within .001": found["within 0.001"].map("{:.0%}".format),
        "largest difference": found["most"].map("{:.3f}".format),
        "off by more than .01": found["off by more than 0.01"].map(
            lambda names: ", ".join(names) or "none"
        ),
    }
    index = pd.Index([f"`{name}`" for name in found["file"]], name="rows of")
    return pd.DataFrame({name: column.tolist() for name, column in shown.items()}, index=index)
