"""Read a csv table of text, in the forms that spreadsheets write."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from ctmri_detect.io.words import canonical

_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # the beginning of Excel's "Unicode text"
_SEPARATORS = ",;\t"
_MISSING = {"", "na", "n/a", "nan", "null", "none", "<na>"}  # words of pandas and others


def read_table(path: str | Path) -> pd.DataFrame:
    """The cells of a csv as text without spaces around them; None where they are empty.

    It may be UTF-8 with or without a byte order mark, or UTF-16 with one. The separator is the one
    of comma, semicolon and tab that is most frequent in the header. Empty rows are left out.

    Raises
    ------
    OSError, ValueError
        If it can't be read, is empty, or has a row with more cells than the header.
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
