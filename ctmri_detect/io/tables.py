"""A table of text, however a spreadsheet wrote it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from ctmri_detect.io.words import canonical

_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # how Excel begins "Unicode text"
_SEPARATORS = ",;\t"
_MISSING = {"", "na", "n/a", "nan", "null", "none", "<na>"}  # as pandas and others write it


def read_table(path: str | Path) -> pd.DataFrame:
    """The cells of a csv as text without spaces around them, None where they are empty.

    UTF-8 with or without a mark at its beginning, or UTF-16 with one; commas, semicolons or
    tabs, whichever the header has most of. Empty rows are left out.

    Raises
    ------
    OSError, ValueError
        Where it can't be read; a row that is longer than the header is among these.
    """
    data = Path(path).read_bytes()
    text = data.decode(_MARKS.get(data[:2], "utf-8-sig"))
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    try:
        rows = [
            [canonical(cell).strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        ]
    except csv.Error as error:
        raise ValueError(f"no csv: {error}") from error
    rows = [row for row in rows if any(row)]
    if not rows:
        raise ValueError("it is empty")
    header, *body = rows
    while header and not header[-1]:  # a separator at the end of each line
        header.pop()
    for row in body:
        if any(row[len(header) :]):
            raise ValueError(f"a row has more cells than the header: {separator.join(row)!r}")
    cells = [
        [None if cell.lower() in _MISSING else cell for cell in (row + [""] * len(header))]
        for row in body
    ]
    return pd.DataFrame([row[: len(header)] for row in cells], columns=header, dtype=object)
