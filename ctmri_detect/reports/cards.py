"""The cases that a report or a gallery shows, with their images and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.evaluation.gallery import worst_cases
from ctmri_detect.evaluation.table import leaderboard
from ctmri_detect.plotting.canvas import ct_range, grey, robust_range
from ctmri_detect.validation import CT, MRI

MOST_DETECTORS = 3
MOST_CASES = 40
_MOST_WORST = 4
_INK = 0.15  # grey of a pixel that belongs to the head rather than to the air around it
_MARGIN = 3  # pixels


@dataclass(frozen=True)
class Card:
    """One case, cut to the head: planes, true lesion, each detector's map and decision."""

    sample: int
    heading: str
    ct: npt.NDArray[Any]
    mri: npt.NDArray[Any]
    mask: npt.NDArray[np.bool_] | None
    maps: dict[str, npt.NDArray[Any]]
    decisions: dict[str, float]


def shown_detectors(result: Any) -> list[str]:
    """The best few detectors that have maps."""
    board = leaderboard(result.table)
    names = [str(n) for n in board["detector"] if result.maps.get(n)]
    return names[:MOST_DETECTORS]


def typical_cards(result: Any, data: Any, n_cases: int | None = None) -> list[Card]:
    """The cases chosen before scoring, with the maps of the best few detectors.

    A shorter list is taken evenly from the whole, so that it still holds kinds and normals.
    """
    most = min(MOST_CASES if n_cases is None else n_cases, MOST_CASES, len(result.cases))
    places = np.linspace(0, len(result.cases) - 1, max(most, 0)).round().astype(int)
    names = shown_detectors(result)
    return [_card(result, data, result.cases[i], names) for i in places]


def worst_cards(result: Any, data: Any, detector: str) -> tuple[list[Card], list[Card]]:
    """The misses and false alarms of one detector, the worst first; both may be empty.

    Only cases on the wrong side of 0 count, and only those whose map was kept.
    """
    scores = _first_seed(result.scores, detector)
    wrong = scores[scores["decision"].lt(0) == scores["target"].eq(1)]
    target, decision = wrong["target"].to_numpy(), wrong["decision"].to_numpy()
    kept = result.maps[detector]
    missed, alarms = worst_cases(target, decision, _MOST_WORST)
    sides = []
    for rows in (missed, alarms):
        samples = [int(wrong["sample"].iloc[row]) for row in rows]
        sides.append([_card(result, data, s, [detector]) for s in samples if s in kept])
    return sides[0], sides[1]


def flagged_shares(result: Any, detector: str) -> tuple[float, float]:
    """Shares of normal and of anomalous samples that the detector calls anomalous."""
    rows = result.scores[result.scores["detector"] == detector]
    below = rows["decision"] < 0
    return float(below[rows["target"] == 1].mean()), float(below[rows["target"] == -1].mean())


def readable(kind: str) -> str:
    """A kind as words: ``infarct_early`` becomes ``infarct early``."""
    return kind.replace("_", " ")


def _card(result: Any, data: Any, sample: int, names: list[str]) -> Card:
    pair = np.asarray(data.data[sample])
    head = head_box(pair, shown_as(data))
    decisions = {}
    for name in names:
        scores = _first_seed(result.scores, name)
        decisions[name] = float(scores.loc[scores["sample"] == sample, "decision"].iloc[0])
    masks = getattr(data, "masks", None)
    return Card(
        sample=sample,
        heading=_heading(result.scores, sample),
        ct=pair[CT][head],
        mri=pair[MRI][head],
        mask=None if masks is None else np.asarray(masks[sample], dtype=bool)[head],
        maps={n: result.maps[n][sample][head] for n in names if sample in result.maps[n]},
        decisions=decisions,
    )


def shown_as(data: Any) -> str | None:
    """The units of the CT, as the pairs know them, or else the Bunch."""
    known = getattr(data.data, "ct_units", None)
    return known if known is not None else getattr(data, "ct_units", None)


def head_box(pair: npt.NDArray[Any], ct_units: str | None) -> tuple[slice, slice]:
    """Rows and columns of a pair ``(2, height, width)`` outside of which all is dark.

    Examples
    --------
    >>> pair = np.zeros((2, 40, 40)); pair[0, 10:20, 12:30] = 40
    >>> head_box(pair, "hu")
    (slice(7, 23, None), slice(9, 33, None))
    """
    ranges = (ct_range(pair[CT], ct_units), robust_range(pair[MRI]))
    drawn = np.any([grey(p, *r) > _INK for p, r in zip(pair, ranges, strict=True)], axis=0)
    box = []
    for axis in (1, 0):
        found = np.flatnonzero(drawn.any(axis=axis))
        first, last = (found[0], found[-1]) if len(found) else (0, drawn.shape[1 - axis])
        box.append(slice(max(0, int(first) - _MARGIN), int(last) + 1 + _MARGIN))
    return box[0], box[1]


def _first_seed(scores: pd.DataFrame, detector: str) -> pd.DataFrame:
    rows = scores[scores["detector"] == detector]
    return rows[rows["seed"] == rows["seed"].iloc[0]]


def _heading(scores: pd.DataFrame, sample: int) -> str:
    row = scores[scores["sample"] == sample].iloc[0]
    place = row["slice"]
    if isinstance(place, float):
        place = "" if np.isnan(place) else f"{round(place, 1):g}"
    where = f", slice {place}" if place not in ("", None) else ""
    return f"{readable(row['kind']).capitalize()}: patient {row['patient']}{where}"
