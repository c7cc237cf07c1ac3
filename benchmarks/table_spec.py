"""A table of the docs as a description: which rows, which lines, how each number is written.

`Table` has lines and columns (`Part`). Each of them says which rows it takes; a cell is written
from the rows that its line and its column both take. The other functions make the forms of cells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from cross_modal import interval
from deep_features import by_kind
from findings import RESULTS

Form = Callable[[pd.DataFrame], str] | str
"""How a cell is written: a function of its rows, or the text itself."""


@cache
def flat(file: str) -> pd.DataFrame:
    """All rows of a file of results; what lies inside of something is named ``outer.inner``."""
    lines = (RESULTS / f"{file}.jsonl").read_text("utf-8").splitlines()
    return pd.json_normalize([json.loads(line) for line in lines])


def chosen(found: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with these values: one of several in a tuple, and None for none."""
    for column, value in where.items():
        if value is None:
            found = found[found[column].isna()]
        else:
            found = found[found[column].isin(value if isinstance(value, tuple) else (value,))]
    return found


@dataclass(frozen=True)
class Part:
    """A line or a column of a table.

    Parameters
    ----------
    label : str or tuple of str
        More than one text in a line fills more than one column; so does the head of them.
    where : dict
        Which rows, as `chosen` reads it; "file" names another file of rows.
    form : callable, str or dict, default=None
        How a cell is written; in a line also by the label of the column.
    """

    label: str | tuple[str, ...]
    where: Mapping[str, Any] = field(default_factory=dict)
    form: Form | Mapping[Any, Form] | None = None

    def form_at(self, column: Part) -> Form | None:
        """The form of this line in a column, the column's own where it has none."""
        own = self.form.get(column.label) if isinstance(self.form, Mapping) else self.form
        return column.form if own is None else own


@dataclass(frozen=True)
class Table:
    """A table of a page.

    `missing` is the text of cells without rows, None makes them an error. `made` makes another
    table of the rows first.
    """

    file: str
    head: str | tuple[str, ...]
    lines: Sequence[Part]
    columns: Sequence[Part]
    missing: str | None = None
    made: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def cell(self, line: Part, column: Part) -> str:
        """The text where a line and a column meet."""
        form = line.form_at(column)
        if isinstance(form, str):
            return form
        where = {**column.where, **line.where}
        file = where.pop("file", self.file)
        found = chosen(flat(file) if self.made is None else self.made(flat(file)), where)
        if found.empty and self.missing is not None:
            return self.missing
        if found.empty or form is None:
            raise ValueError(
                f"No row of {file}.jsonl has {where}, or no form for {line.label!r}, "
                f"{column.label!r}; expected both. Correct the description of the table."
            )
        return form(found)

    def __call__(self) -> str:
        """The table in Markdown."""
        head = [*_texts(self.head), *(str(column.label) for column in self.columns)]
        body = [
            [*_texts(line.label), *(self.cell(line, column) for column in self.columns)]
            for line in self.lines
        ]
        return "\n".join(f"| {' | '.join(one)} |" for one in [head, ["---"] * len(head), *body])


def _texts(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return (label,) if isinstance(label, str) else label


def _written(text: str, bare: bool) -> str:
    """With a space before %, which ends a list or a range once; bare: .95 in place of 0.95."""
    text = re.sub(r"(?<=\d)%", " %", re.sub(r"%(?=, \d| to \d)", "", text))
    return re.sub(r"(?<![\d.])0(?=\.\d)", "", text) if bare else text


def said(template: str, *columns: str, how: str = "mean", bare: bool = False) -> Form:
    """The columns in a template, each the mean (`how`) over the rows."""

    def form(found: pd.DataFrame) -> str:
        values = [float(found[column].astype(float).agg(how)) for column in columns]
        if np.isnan(values).any():
            raise ValueError(f"The rows have no {columns}; expected numbers. Choose other rows.")
        return _written(template.format(*values), bare)

    return form


def last(template: str, column: str, *, bare: bool = False) -> Form:
    """The value of the last row, where a measurement was made again; "-" for none."""

    def form(found: pd.DataFrame) -> str:
        value = found[column].iloc[-1]
        return "-" if pd.isna(value) else _written(template.format(value), bare)

    return form


def of(file: str, where: Mapping[str, Any], form: Form) -> Form:
    """A cell that takes its own rows, whatever its line and column take."""
    return lambda _: form if isinstance(form, str) else form(chosen(flat(file), where))


def around(template: str, *forms: Form) -> Form:
    """Other cells in a template, as `**{}**`."""
    return lambda found: template.format(*(f if isinstance(f, str) else f(found) for f in forms))


def span(template: str, *columns: str, bare: bool = False) -> Form:
    """From the least to the most over rows and columns; one number where they are written alike."""

    def form(found: pd.DataFrame) -> str:
        values = found[list(columns)].to_numpy(float)
        ends = [template.format(end) for end in (values.min(), values.max())]
        return _written(" to ".join(dict.fromkeys(ends)), bare) if values.any() else "0"

    return form


def listed(template: str, column: str, between: str = ", ") -> Form:
    """Each row's value, sorted by seed where there are seeds."""

    def form(found: pd.DataFrame) -> str:
        if "seed" in found:
            found = found.sort_values("seed", kind="stable")
        return between.join(template.format(value) for value in found[column])

    return form


def significant(template: str, *columns: str, digits: int = 2, bare: bool = False) -> Form:
    """As `said`, with so many digits of each number."""

    def form(found: pd.DataFrame) -> str:
        values = [float(f"{found[column].mean():.{digits}g}") for column in columns]
        return _written(template.format(*(f"{value:g}" for value in values)), bare)

    return form


def of_patients(found: pd.DataFrame) -> str:
    """Mean AUROC over seeds with its interval over patients, from the decisions of the rows."""
    return f"{found['auroc'].mean():.3f} ({interval(found)})"


def of_kind(kind: str, template: str = "{:.2f}") -> Form:
    """AUROC of a kind of lesion, mean over seeds, from the decisions of the rows."""

    def form(found: pd.DataFrame) -> str:
        pairs = zip(found["decision"], found["kind"], strict=True)
        return template.format(np.mean([by_kind(np.array(d), np.array(k))[kind] for d, k in pairs]))

    return form


def change(column: str, *wheres: Mapping[str, Any], template: str = "{:.3f}") -> Form:
    """A figure of one choice of rows, then of another: .923 -> .991."""

    def form(found: pd.DataFrame) -> str:
        texts = [template.format(chosen(found, where)[column].mean()) for where in wheres]
        return " -> ".join(_written(text, True) for text in texts)

    return form


def gain(column: str, what: str, one: str, other: str, template: str = "{:.2f}") -> Form:
    """How much more one has than another, means over the seeds that both have."""

    def form(found: pd.DataFrame) -> str:
        values = found.pivot_table(column, "seed", what)
        return _written(template.format((values[one] - values[other]).mean()), True)

    return form


def kept(column: str, text: str) -> Form:
    """A mean with an interval that was printed by its run; its decisions are in no file.

    Raises
    ------
    ValueError
        Where the rows have another mean than the text.
    """

    def form(found: pd.DataFrame) -> str:
        mean = f"{found[column].mean():.3f}"
        if not text.startswith(f"{mean} ("):
            raise ValueError(f"The rows have {mean}; expected {text!r}. Measure the interval anew.")
        return text

    return form
