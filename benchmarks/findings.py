"""The numbers of docs/findings.md, each with the rows that it comes from, for `write_tables.py`.

In the page, ``.99[^best-auroc]`` is a number with a footnote. `filled` writes the number anew from
the rows, and the footnotes at the end of the page say which rows they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

RESULTS = Path(__file__).resolve().parent / "results"
MARKED = re.compile(r"(?<![\w.])[-\d.]+(?: %)?\[\^([\w-]+)\]")
BARE = re.compile(r"(?<![\w.])\.\d{2,}\b(?!\[\^)")
NOTES = re.compile(r"(<!-- footnotes -->\n).*?(<!-- end -->)", re.DOTALL)


@cache
def rows(name: str) -> pd.DataFrame:
    """All rows of a file of results."""
    return pd.read_json(RESULTS / f"{name}.jsonl", lines=True)


def score(value: float) -> str:
    """Two decimals, as AUROC and AP are written: .98."""
    return f"{value:.2f}".replace("0.", ".", 1)


def thousandths(value: float) -> str:
    """Three decimals, where two hide a difference."""
    return f"{value:.3f}".replace("0.", ".", 1)


def percent(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:.0f} %"


def whole(value: float) -> str:
    """An integer."""
    return f"{value:.0f}"


@dataclass(frozen=True)
class Figure:
    """The mean of a column over some rows.

    Parameters
    ----------
    file : str
        In `benchmarks/results`, without ending.
    column : str
    where : dict
        Values of other columns that choose the rows.
    form : callable
        How the number is written.
    how : str
        "mean", "min" or "max".
    table : callable, default=None
        Makes another table of the rows first.
    """

    file: str
    column: str
    where: Mapping[str, Any] = field(default_factory=dict)
    form: Callable[[float], str] = score
    how: str = "mean"
    table: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def chosen(self) -> pd.Series:
        """The values of the rows that it rests on."""
        found = rows(self.file) if self.table is None else self.table(rows(self.file))
        for column, value in self.where.items():
            here = found[column].fillna("") if value == "" else found[column]
            found = found[here == value]
        values = found[self.column].dropna().astype(float)
        if values.empty:
            raise ValueError(f"No row of {self.file}.jsonl has {dict(self.where)}.")
        return values

    def text(self) -> str:
        """The number as the page writes it."""
        return self.form(float(self.chosen().agg(self.how)))

    def note(self) -> str:
        """Which rows they are, in words."""
        about = ", ".join(f"{k} {v!r}" for k, v in self.where.items() if v != "")
        n = len(self.chosen())
        how = "" if n == 1 else f", {self.how} of {n} rows"
        return f"`{self.file}.jsonl`: {self.column}{', ' * bool(about)}{about}{how}."


def filled(text: str, figures: Mapping[str, Figure]) -> str:
    """The page with all its numbers and footnotes as the rows say.

    Raises
    ------
    ValueError
        Where the page names a figure that is not declared, leaves one out, or has a number with
        two decimals and no footnote.
    """
    used: dict[str, None] = {}

    def written(found: re.Match[str]) -> str:
        name = found[1]
        if name not in figures:
            raise ValueError(f"docs/findings.md names the figure {name!r}; declare it first.")
        used[name] = None
        return f"{figures[name].text()}[^{name}]"

    head, mark, rest = text.partition("<!-- footnotes -->")
    if not mark:
        return text
    head = MARKED.sub(written, head)
    if bare := BARE.findall(head):
        raise ValueError(f"docs/findings.md has numbers without a footnote: {', '.join(bare)}.")
    if unused := sorted(set(figures) - set(used)):
        raise ValueError(f"docs/findings.md does not use the figures {', '.join(unused)}.")
    notes = "\n".join(f"[^{name}]: {figures[name].note()}" for name in used)
    return NOTES.sub(lambda m: f"{m[1]}\n{notes}\n\n{m[2]}", head + mark + rest)
