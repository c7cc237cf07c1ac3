"""The samples that a report or a gallery shows, with their images and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.evaluation import BenchmarkResult
from ctmri_detect.evaluation.gallery import worst_samples
from ctmri_detect.evaluation.table import leaderboard
from ctmri_detect.modalities import Roles
from ctmri_detect.pipelines import NO_THRESHOLD
from ctmri_detect.plotting.canvas import grey
from ctmri_detect.plotting.marks import height_of, height_text
from ctmri_detect.plotting.shown import names_and_roles, range_of

MOST_DETECTORS = 3
MOST_EXAMPLES = 40
_MOST_WORST = 4
_INK = 0.15  # grey of a pixel that belongs to the head rather than to the air around it
_MARGIN = 3  # pixels


@dataclass(frozen=True)
class Example:
    """One sample, cropped to the head: planes, true lesion, and the result of each detector.

    `verdicts` are texts: the decision and what it means, or the rank where there is no threshold.
    """

    sample: int
    heading: str
    planes: npt.NDArray[Any]
    names: tuple[str, ...]
    roles: Roles
    mask: npt.NDArray[np.bool_] | None
    maps: dict[str, npt.NDArray[Any]]
    decisions: dict[str, float]
    verdicts: dict[str, str]


def shown_detectors(result: BenchmarkResult) -> list[str]:
    """The best few detectors that have maps."""
    board = leaderboard(result.table)
    names = [str(n) for n in board["detector"] if result.maps.get(n)]
    return names[:MOST_DETECTORS]


def typical_examples(
    result: BenchmarkResult, data: Bunch, n_examples: int | None = None
) -> list[Example]:
    """The samples chosen before scoring, with the maps of the best few detectors.

    A shorter list is taken evenly from the whole, so that it still has several kinds and normal
    samples.
    """
    asked = MOST_EXAMPLES if n_examples is None else n_examples
    most = min(asked, MOST_EXAMPLES, len(result.examples))
    places = np.linspace(0, len(result.examples) - 1, max(most, 0)).round().astype(int)
    names = shown_detectors(result)
    return [_example(result, data, result.examples[i], names) for i in places]


def worst_examples(
    result: BenchmarkResult, data: Bunch, detector: str
) -> tuple[list[Example], list[Example]]:
    """The misses and false alarms of one detector, the worst first; both may be empty.

    Only samples on the wrong side of 0 count, and only those whose map was kept. Without a
    threshold, it takes the samples with the worst ranks.
    """
    wrong = first_seed(result.scores, detector)
    if has_threshold(result, detector):
        wrong = wrong[wrong["decision"].lt(0) == wrong["target"].eq(1)]
    target, decision = wrong["target"].to_numpy(), wrong["decision"].to_numpy()
    kept = result.maps[detector]
    missed, alarms = worst_samples(target, decision, _MOST_WORST)
    sides = []
    for rows in (missed, alarms):
        samples = [int(wrong["sample"].iloc[row]) for row in rows]
        sides.append([_example(result, data, s, [detector]) for s in samples if s in kept])
    return sides[0], sides[1]


def has_threshold(result: BenchmarkResult, detector: str) -> bool:
    """Whether every fold of the detector had enough healthy slices for a threshold."""
    rows = result.scores[result.scores["detector"] == detector]
    return bool(rows["has_threshold"].all())


def flagged_shares(result: BenchmarkResult, detector: str) -> tuple[float, float]:
    """Shares of normal and of anomalous samples that the detector calls anomalous."""
    rows = result.scores[result.scores["detector"] == detector]
    below = rows["decision"] < 0
    return float(below[rows["target"] == 1].mean()), float(below[rows["target"] == -1].mean())


def first_seed(scores: pd.DataFrame, detector: str) -> pd.DataFrame:
    """The scores of one detector that belong to the pictures: those of the first seed."""
    rows = scores[scores["detector"] == detector]
    return rows[rows["seed"] == rows["seed"].iloc[0]]


def readable(kind: str) -> str:
    """A kind as words: ``infarct_early`` becomes ``infarct early``."""
    return kind.replace("_", " ")


def _example(result: BenchmarkResult, data: Bunch, sample: int, names: list[str]) -> Example:
    planes = np.asarray(data.data[sample])
    names_roles = names_and_roles(data.data, len(planes))
    head = head_box(planes, names_roles[1], shown_as(data))
    decisions, verdicts = {}, {}
    for name in names:
        scores = first_seed(result.scores, name)
        row = scores[scores["sample"] == sample].iloc[0]
        decisions[name] = float(row["decision"])
        verdicts[name] = _verdict(scores, row)
    masks = getattr(data, "masks", None)
    return Example(
        sample=sample,
        heading=_heading(result.scores, sample, _height(data, sample)),
        planes=planes[:, *head],
        names=names_roles[0],
        roles=names_roles[1],
        mask=None if masks is None else np.asarray(masks[sample], dtype=bool)[head],
        maps={n: result.maps[n][sample][head] for n in names if sample in result.maps[n]},
        decisions=decisions,
        verdicts=verdicts,
    )


def _verdict(scores: pd.DataFrame, row: pd.Series) -> str:
    """The decision and what it means, or the rank where there is no threshold."""
    if row["has_threshold"]:
        return f"{row['decision']:+.1f}: called {'anomalous' if row['decision'] < 0 else 'normal'}"
    rank = 1 + int((scores["decision"] < row["decision"]).sum())
    return f"rank {rank} of {len(scores)}, 1 = most anomalous; {NO_THRESHOLD}"


def shown_as(data: Bunch) -> str | None:
    """The units of the CT, from the pairs, or else from the Bunch."""
    known = getattr(data.data, "ct_units", None)
    return known if known is not None else getattr(data, "ct_units", None)


def orientation_of(data: Bunch) -> str | None:
    """The orientation that the Bunch gives; None where it is not known."""
    found: str | None = getattr(data, "orientation", None)
    return found


def head_box(planes: npt.NDArray[Any], roles: Roles, ct_units: str | None) -> tuple[slice, slice]:
    """Rows and columns of a sample ``(n_planes, height, width)`` outside of which all is dark.

    Examples
    --------
    >>> pair = np.zeros((2, 40, 40)); pair[0, 10:20, 12:30] = 40
    >>> head_box(pair, ("ct", "mri"), "hu")
    (slice(7, 23, None), slice(9, 33, None))
    """
    ranges = [range_of(p, role, ct_units) for p, role in zip(planes, roles, strict=True)]
    drawn = np.any([grey(p, *r) > _INK for p, r in zip(planes, ranges, strict=True)], axis=0)
    box = []
    for axis in (1, 0):
        found = np.flatnonzero(drawn.any(axis=axis))
        first, last = (found[0], found[-1]) if len(found) else (0, drawn.shape[1 - axis])
        box.append(slice(max(0, int(first) - _MARGIN), int(last) + 1 + _MARGIN))
    return box[0], box[1]


def _height(data: Bunch, sample: int) -> float | None:
    """Height in mm, from the pairs, or else from the frame (of a stored benchmark)."""
    frame = getattr(data, "frame", None)
    known = height_of(data.data, sample)
    if known is not None or frame is None or "z_mm" not in frame:
        return known
    height = float(frame["z_mm"].iloc[sample])
    return height if np.isfinite(height) else None


def _heading(scores: pd.DataFrame, sample: int, height: float | None) -> str:
    """Kind, patient and place: the height if it is known, else the number of the slice."""
    row = scores[scores["sample"] == sample].iloc[0]
    whose = f"{readable(row['kind']).capitalize()}: patient {row['patient']}"
    if height is not None:
        return f"{whose}, {height_text(height)}"
    place = row["slice"]
    if isinstance(place, float):
        place = "" if np.isnan(place) else f"{round(place, 1):g}"
    where = f", slice {place}" if place not in ("", None) else ""
    return f"{whose}{where}"
