"""The tables of a benchmark: metrics by kind, the leaderboard, and both as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.evaluation.cells import COSTS
from ctmri_detect.evaluation.pixels import PixelCounts
from ctmri_detect.evaluation.rating import IMAGE_METRICS, Metric, rate
from ctmri_detect.evaluation.samples import ALL, NORMAL, Samples

METRICS = [*IMAGE_METRICS, "pixel_ap"]
COUNTS = ["n_normal", "n_anomalous"]
COLUMNS = ["detector", "kind", "seed", *COUNTS, *METRICS, *COSTS, "error"]


def columns_with(own: Mapping[str, Metric]) -> list[str]:
    """The columns of the table, with the user's metrics after the library's."""
    place = COLUMNS.index(COSTS[0])
    return [*COLUMNS[:place], *own, *COLUMNS[place:]]


def metric_rows(
    samples: Samples,
    tested: npt.NDArray[np.bool_],
    decision: npt.NDArray[np.float64] | None,
    pixels: PixelCounts | None,
    own: Mapping[str, Metric],
    detector: str,
) -> Iterator[dict[str, Any]]:
    """One row for all kinds together and one for each, always with all tested normal samples.

    `decision` is None for a detector that failed, `pixels` None where there are no maps. `error`
    says which of the user's metrics failed.
    """
    kind = samples.frame["kind"].to_numpy()
    normal = (samples.target == 1) & tested
    for name in [ALL, *samples.kinds]:
        odd = (samples.target == -1) & tested & ((kind == name) | (name == ALL))
        row = {"kind": name, "n_normal": int(normal.sum()), "n_anomalous": int(odd.sum())}
        row |= dict.fromkeys([*METRICS, *own], float("nan")) | {"error": ""}
        if decision is not None:
            row |= image_row(samples.target, decision, odd | normal, own, detector)
        if decision is not None and pixels is not None:
            wanted = samples.kinds if name == ALL else [name]
            row["pixel_ap"] = pixels.average_precision([*wanted, NORMAL])
        yield row


def image_row(
    target: npt.NDArray[np.int64],
    decision: npt.NDArray[np.float64],
    used: npt.NDArray[np.bool_],
    own: Mapping[str, Metric],
    detector: str,
) -> dict[str, Any]:
    """The metrics of whole samples, computed on the `used` ones, and `error`."""
    values, error = rate({**IMAGE_METRICS, **own}, target[used], decision[used], detector)
    return {**values, "error": error}


def leaderboard(table: pd.DataFrame, *, kind: str = ALL) -> pd.DataFrame:
    """One row per detector, the mean over seeds, best image AUROC first.

    Parameters
    ----------
    table : DataFrame
        `BenchmarkResult.table`.
    kind : str, default="all"
        Which kind of anomaly to rank by; ``"all"`` takes them together.

    Returns
    -------
    DataFrame
        detector, n_seeds (runs that did not fail), image_auroc, image_ap, pixel_ap, the metrics
        of your own, fit_seconds, score_seconds, peak_memory_mb, error (the first one, or ""). A
        detector that failed throughout stands last.

    Raises
    ------
    ValueError
        For a kind that the table does not hold.

    Examples
    --------
    >>> row = {"kind": "all", "n_normal": 9, "n_anomalous": 9, "image_ap": 0.9, "pixel_ap": 0.5,
    ...        "fit_seconds": 1.0, "score_seconds": 1.0, "peak_memory_mb": 10.0, "error": ""}
    >>> table = pd.DataFrame([
    ...     row | {"detector": "a", "seed": 0, "image_auroc": 0.6},
    ...     row | {"detector": "b", "seed": 0, "image_auroc": 0.8},
    ...     row | {"detector": "b", "seed": 1, "image_auroc": 0.9},
    ... ])
    >>> leaderboard(table)[["detector", "n_seeds", "image_auroc"]].round(3).values.tolist()
    [['b', 2, 0.85], ['a', 1, 0.6]]
    """
    rows = table[table["kind"] == kind]
    if rows.empty:
        raise ValueError(
            f"kind is {kind!r}; expected one of {', '.join(map(str, table['kind'].unique()))}."
        )
    by = rows.groupby("detector", sort=False)
    own = [name for name in table.columns if name not in COLUMNS]
    board = by[METRICS + own + COSTS].mean()
    # a run in which only a user's metric failed counts as measured
    measured = (rows["error"] == "") | rows["image_auroc"].notna()
    board.insert(0, "n_seeds", measured.groupby(rows["detector"], sort=False).sum().astype(int))
    board["error"] = by["error"].agg(lambda errors: next((e for e in errors if e), ""))
    board = board.sort_values("image_auroc", ascending=False, na_position="last", kind="stable")
    return board.reset_index()


def format_table(table: pd.DataFrame) -> str:
    """Plain text for the terminal: columns aligned, "-" for what is not known.

    Parameters
    ----------
    table : DataFrame
        Such as `leaderboard` returns; a column that holds only empty text is left out.

    Returns
    -------
    str
        Metrics with three decimals, seconds with two, MiB with none; no newline at the end.

    Examples
    --------
    >>> print(format_table(pd.DataFrame({"detector": ["atlas"], "image_auroc": [0.5]})))
    detector image_auroc
    atlas          0.500
    """
    shown = {}
    for name in table.columns:
        text = [cell(name, value) for value in table[name]]
        if any(text):
            shown[str(name)] = text
    lines = []
    widths = {name: max(map(len, [name, *text])) for name, text in shown.items()}
    numeric = {n: pd.api.types.is_numeric_dtype(table[n]) for n in shown}
    for row in zip(*([name, *text] for name, text in shown.items()), strict=True):
        cells = zip(shown, row, strict=True)
        line = (c.rjust(widths[n]) if numeric[n] else c.ljust(widths[n]) for n, c in cells)
        lines.append(" ".join(line).rstrip())
    return "\n".join(lines)


def cell(column: str, value: object) -> str:
    """One value of a table as text, with the decimals that `format_table` names."""
    if isinstance(value, float):
        decimals = 0 if column.endswith("_mb") else 2 if column.endswith("_seconds") else 3
        return "-" if np.isnan(value) else f"{value:.{decimals}f}"
    return " ".join(str(value).split())
