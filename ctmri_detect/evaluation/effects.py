"""What makes a lesion hard to find: its size, its contrast, its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from ctmri_detect._floats import with_default_floats
from ctmri_detect.evaluation.samples import ALL, NORMAL
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.validation import check_decision

FACTORS = ("size", "contrast", "place")
_COUNTS = ["n_lesions", "n_patients", "n_found", "rate", "low", "high", "auroc"]


@with_default_floats
def lesion_effects(
    frame: pd.DataFrame,
    decision: Any,
    *,
    size: str = "diameter_mm",
    contrast: str | Sequence[str] = ("cnr_ct", "cnr_mri"),
    place: str = "slice",
    bins: int | Mapping[str, Sequence[float]] = 3,
    crossed: bool = False,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Share of lesions found, and AUROC, by size, contrast and place of the lesion.

    Lesions are sorted into bins of each factor. A slice with a lesion counts as found where its
    decision is below 0. The AUROC compares the lesions of a bin with *all* normal slices.
    Anomalous slices without a lesion (`whole_slice`, or no size) are left out.

    The interval is Wilson's. It treats slices as independent, so it is too narrow where a patient
    has several (compare n_lesions and n_patients). Factors may be related: small lesions may also
    be faint. `crossed` shows the effect of each factor while the others stay in one bin.

    Parameters
    ----------
    frame : DataFrame, one row per slice
        With the columns kind ("normal" or another), patient, and those named below.
        `make_phantom_pairs` and `inject_anomalies` return such a frame.
    decision : array-like of shape (n,)
        One for each row of `frame`; high = normal, below 0 = flagged. For another threshold t,
        give ``decision - t``. You need this where `has_threshold` is False in the `scores` of a
        benchmark.
    size : str, default="diameter_mm"
        Column of `frame`. Numbers are put into bins; text is used as it is.
    contrast : str or sequence of str, default=("cnr_ct", "cnr_mri")
        One or more columns. Of several, the largest absolute value counts: the contrast in the
        plane that shows the lesion best.
    place : str, default="slice"
        Column of `frame`, numbers or text as for `size`: ``place="kind"`` works, and so does a
        column of your own with "left" and "right".
    bins : int or dict of str to sequence of float, default=3
        The number of bins, each with about equally many lesions. Or the edges, such as
        ``{"size": [0, 10, 20, 40]}``; a bin includes its right edge, and factors that are not
        named get three bins. More bins show the shape of an effect better, but with wider
        intervals.
    crossed : bool, default=False
        False gives one row for all lesions and one for each bin of each factor. True gives one
        row for each combination of bins that holds a lesion.
    confidence_level : float, default=0.95
        Between 0 and 1, both excluded.

    Returns
    -------
    DataFrame
        size, contrast, place (the bin, or "all"), n_lesions, n_patients (who have them), n_found,
        rate with low and high, auroc (NaN without normal slices). A lesion whose contrast or place
        is unknown counts in the row "all" and in the bins of the factors that are known.

    Raises
    ------
    InvalidPairsError
        For columns that are missing, NaN in `decision`, unequal lengths, or no lesion.
    ValueError
        For bins or a level out of range.

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, Journal of the
    American Statistical Association 22(158), 209-212, 1927.

    Examples
    --------
    >>> from ctmri_detect.datasets import make_phantom_pairs
    >>> data = make_phantom_pairs(8, 4, size=64, random_state=0)
    >>> decision = 15.0 - data.frame["diameter_mm"]  # finds what is larger than 15 mm
    >>> table = lesion_effects(data.frame, decision, bins={"size": [0, 15, 40]})
    >>> table.loc[:2, ["size", "n_lesions", "rate", "auroc"]].round(2).values.tolist()
    [['all', 16, 0.69, 1.0], ['0 to 15', 5, 0.0, 1.0], ['15 to 40', 11, 1.0, 1.0]]
    """
    columns = {"size": [size], "contrast": _listed(contrast), "place": [place]}
    lesions, decision, normal = _lesions(frame, decision, columns)
    edges = bins if isinstance(bins, Mapping) else dict.fromkeys(FACTORS, bins)
    if unknown := set(edges) - set(FACTORS):
        raise ValueError(f"bins names {sorted(unknown)}; expected some of {', '.join(FACTORS)}.")
    binned = {f: _binned(lesions[columns[f]], edges.get(f, 3), f) for f in FACTORS}
    rows = []
    for chosen in _cells(binned, crossed):
        held = np.ones(len(lesions), dtype=bool)
        for factor, label in chosen.items():
            held &= (binned[factor] == label).to_numpy(dtype=bool, na_value=False)
        if held.any():
            cell = _measured(lesions[held], decision[lesions.index[held]], decision[normal])
            low, high = _wilson(cell["n_found"], cell["n_lesions"], confidence_level)
            rows.append(dict.fromkeys(FACTORS, ALL) | chosen | cell | {"low": low, "high": high})
    return pd.DataFrame(rows, columns=[*FACTORS, *_COUNTS])


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _lesions(
    frame: pd.DataFrame, decision: Any, columns: dict[str, list[str]]
) -> tuple[pd.DataFrame, Any, Any]:
    """Rows that hold a lesion, numbered; the decisions; which rows are normal."""
    frame = frame.reset_index(drop=True)
    wanted = ["kind", "patient", *(name for names in columns.values() for name in names)]
    if absent := [name for name in dict.fromkeys(wanted) if name not in frame]:
        raise InvalidPairsError(
            f"frame has no {', '.join(absent)}; expected the columns {', '.join(wanted)}. Add "
            "them, or name others: size=..., contrast=..., place=..."
        )
    decision = check_decision(decision, len(frame))
    normal = (frame["kind"] == NORMAL).to_numpy()
    whole = frame.get("whole_slice", pd.Series(False, frame.index)).fillna(False).astype(bool)
    sized = frame[columns["size"][0]]
    held = ~normal & ~whole & sized.notna() & (sized != 0)
    if not held.any():
        raise InvalidPairsError(
            "frame holds no slice with a lesion of known size; expected some rows whose kind is "
            f"not 'normal' and whose {columns['size'][0]} is above 0. Add such slices."
        )
    return frame[held], decision, normal


def _binned(values: pd.DataFrame, bins: Any, factor: str) -> pd.Series:
    """The label of each lesion's bin; missing where the value is. Categories are in order."""
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in values.dtypes):
        return values.iloc[:, 0].astype("category")
    number = values.abs().max(axis=1) if values.shape[1] > 1 else values.iloc[:, 0]
    number = number.abs() if factor == "contrast" else number
    if isinstance(bins, Integral) and int(bins) > 0:
        if number.nunique() < 2:  # all values equal, or none known
            return number.map("{:.4g}".format, na_action="ignore").astype("category")
        cut = pd.qcut(number, int(bins), duplicates="drop")
    else:
        edges = np.asarray(bins, dtype=np.float64)
        if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
            raise ValueError(
                f"bins of {factor} are {bins!r}; expected an int of 1 or more, or two or more "
                "increasing edges, such as [0, 10, 20]."
            )
        cut = pd.cut(number, edges)
        if (outside := cut.isna() & number.notna()).any():
            raise ValueError(
                f"bins of {factor} leave out {outside.sum()} lesion(s), such as "
                f"{number[outside].iloc[0]:.4g}; expected edges around all of them: from below "
                f"{number.min():.4g} to {number.max():.4g}. Take -np.inf and np.inf as outer ones."
            )
    return cut.cat.rename_categories(_names(cut.cat.categories))


def _names(intervals: pd.IntervalIndex) -> list[str]:
    """The ends of each interval, with enough digits to make all names different."""
    for digits in range(4, 18):
        names = [f"{i.left:.{digits}g} to {i.right:.{digits}g}" for i in intervals]
        if len(set(names)) == len(names):
            break
    return names


def _cells(binned: dict[str, pd.Series], crossed: bool) -> Iterator[dict[str, Any]]:
    """Which bins each row of the table is about."""
    if crossed:
        for labels in product(*(binned[f].cat.categories for f in FACTORS)):
            yield dict(zip(FACTORS, labels, strict=True))
    else:
        yield {}
        for factor in FACTORS:
            for label in binned[factor].cat.categories:
                yield {factor: label}


def _measured(lesions: pd.DataFrame, odd: Any, fine: Any) -> dict[str, Any]:
    n, found = len(lesions), int((odd < 0).sum())
    target = np.repeat([-1, 1], [n, len(fine)])
    area = (
        decision_roc_auc_score(target, np.concatenate([odd, fine])) if len(fine) else float("nan")
    )
    return {
        "n_lesions": n,
        "n_patients": lesions["patient"].nunique(),
        "n_found": found,
        "rate": found / n,
        "auroc": area,
    }


def _wilson(found: int, n: int, level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(
            f"confidence_level is {level!r}; expected a share between 0 and 1, both excluded."
        )
    interval = binomtest(found, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)
