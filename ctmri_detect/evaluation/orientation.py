"""Whether maps lie on their images, or are turned, flipped or transposed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import evenly_spaced, plain_array
from ctmri_detect._types import GroupsLike, PlanesLike, StoredArray, is_stored
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_average_precision_score
from ctmri_detect.validation import check_groups, check_masks

_BETTER = 3.0  # "clearly better" is this many times as good
_ERRORS = 3.0  # and better by this many standard errors over patients
_FEWEST_PATIENTS = 3  # with lesions
_MOST_SLICES = 40  # looked at

Planes = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]


class Orientation(NamedTuple):
    """How maps may lie: in words, the line of code that corrects them, the same as a function."""

    name: str
    line: str
    turn: Callable[[Planes], Planes]


ORIENTATIONS = (
    Orientation("right", "maps", lambda m: m),
    Orientation("upside down", "maps[:, ::-1]", lambda m: m[:, ::-1]),
    Orientation("mirrored left to right", "maps[:, :, ::-1]", lambda m: m[:, :, ::-1]),
    Orientation("turned by 180 degrees", "maps[:, ::-1, ::-1]", lambda m: m[:, ::-1, ::-1]),
    Orientation("transposed", "maps.swapaxes(1, 2)", lambda m: m.swapaxes(1, 2)),
    Orientation(
        "turned by 90 degrees, clockwise",
        "np.rot90(maps, 1, axes=(1, 2))",
        lambda m: np.rot90(m, 1, axes=(1, 2)),
    ),
    Orientation(
        "turned by 90 degrees, anticlockwise",
        "np.rot90(maps, -1, axes=(1, 2))",
        lambda m: np.rot90(m, -1, axes=(1, 2)),
    ),
    Orientation(
        "transposed along the other diagonal",
        "maps[:, ::-1, ::-1].swapaxes(1, 2)",
        lambda m: m[:, ::-1, ::-1].swapaxes(1, 2),
    ),
)
"""The eight orientations of a square; those of a rectangle are the first four."""


def check_orientation(
    anomaly_maps: PlanesLike,
    observed: PlanesLike,
    masks: PlanesLike | None = None,
    groups: GroupsLike = None,
) -> None:
    """Raise where maps fit their images clearly better in another orientation.

    Exchanged axes are a common mistake in exported maps. Metrics of whole samples hardly change,
    but metrics of pixels become useless. Two things show it: the lesions, and where the maps are
    not NaN. A head is nearly symmetric, so only lesions can show that a map is mirrored.

    Parameters
    ----------
    anomaly_maps : float array of shape (n, height, width)
        High = anomalous, NaN = not observed.
    observed : bool array of shape (n, height, width)
        Where the images were observed, after the preprocessing that the detector saw.
    masks : bool array of shape (n, height, width), default=None
        True = lesion, as far as lesions are known. Samples with an empty mask are not used here.
    groups : array-like of shape (n,), default=None
        The patient of each sample; None means that each sample is another patient.

    Raises
    ------
    InvalidPairsError
        Where another orientation is clearly better; the message has the line of code that
        corrects the maps. Also for unequal shapes.

    Notes
    -----
    All eight orientations are tried where the images are square; otherwise the four that keep
    the shape. At most 40 slices are looked at, evenly spaced. An orientation is clearly better
    where it is three times as good (geometric mean over patients), by three standard errors over
    patients. Two criteria measure how good it is:

    - lesions, with three patients or more who have them: the average precision of a slice's
      pixels, at least that of chance;
    - in all cases, how little maps and images differ in where they are observed (1 minus the
      intersection over union). Differences below half a pixel along the border count as half a
      pixel, so a shift by one pixel is never taken for a turn.

    On development phantoms (seeds 100 to 105; threshold, atlas and cross-modal detector), no
    correct maps were refused. With ten patients or more, all wrong maps were refused, by each
    criterion alone. With five patients, lesions alone found 79 to 100 % of them. Maps of other
    patients, which have nothing to do with the lesions, were refused in 1 % of the trials with
    three patients of one lesion each, and in none with eight patients.

    Examples
    --------
    >>> observed = np.zeros((3, 16, 16), bool); observed[:, 1:9, 4:14] = True
    >>> maps = np.where(observed, 1.0, np.nan)
    >>> check_orientation(maps, observed)
    >>> check_orientation(maps.swapaxes(1, 2), observed)
    Traceback (most recent call last):
    ...
    ctmri_detect.exceptions.InvalidPairsError: The maps are transposed against their images: \
turned, they fit where the images were observed 7 times as well (3 patients); expected rows and \
columns as the images have them. Turn them: maps.swapaxes(1, 2).
    """
    maps, seen = _stored("anomaly_maps", anomaly_maps), _stored("observed", observed)
    _refuse_other_shape(maps.shape, seen.shape)
    n, height, width = seen.shape
    codes = np.arange(n) if groups is None else check_groups(groups, n)
    tried = ORIENTATIONS if height == width else ORIENTATIONS[:4]
    if masks is not None:
        lesions = check_masks(masks, (n, height, width))
        rows = np.flatnonzero(lesions.any(axis=(1, 2)))
        rows = rows[evenly_spaced(len(rows), _MOST_SLICES)]
        if len(np.unique(codes[rows])) >= _FEWEST_PATIENTS:
            precision = np.array([_precision(maps[i], lesions[i], tried) for i in rows])
            _refuse_better(precision, codes[rows], tried, "the lesions")
    rows = evenly_spaced(n, _MOST_SLICES)
    same = np.array([_sameness(maps[i], np.asarray(seen[i]), tried) for i in rows])
    _refuse_better(same, codes[rows], tried, "where the images were observed")


def _precision(heat: Planes, lesion: Planes, tried: tuple[Orientation, ...]) -> list[float]:
    """Average precision of one slice in each orientation, at least that of chance."""
    heat = np.asarray(plain_array(heat), dtype=np.float64)[None]
    if np.isnan(heat).all():
        return [1.0] * len(tried)
    chance = min(1.0, lesion.sum() / (~np.isnan(heat)).sum())
    score = anomaly_map_average_precision_score
    return [max(score(lesion[None], each.turn(heat)), chance) for each in tried]


def _sameness(heat: Planes, seen: Planes, tried: tuple[Orientation, ...]) -> list[float]:
    """1 / (1 - intersection over union) in each orientation, up to that of half a pixel."""
    mapped = ~np.isnan(np.asarray(plain_array(heat), dtype=np.float64))[None]
    borders = [(np.diff(seen, axis=axis) != 0).sum() for axis in (0, 1)]
    half = max(0.5 * np.mean(borders) / max(seen.sum(), 1), 1e-6)
    return [1 / max(_mismatch(each.turn(mapped)[0], seen), half) for each in tried]


def _mismatch(one: Planes, other: Planes) -> float:
    return float((one ^ other).sum() / max((one | other).sum(), 1))


def _refuse_better(
    good: Numbers,
    codes: npt.NDArray[np.int64],
    tried: tuple[Orientation, ...],
    what: str,
) -> None:
    """Raise where a column of `good` (slices, orientations) is clearly better than the first.

    `what` names, for the message, what the maps are compared with.
    """
    patients = np.unique(codes)
    each = np.array([np.log(good[codes == patient]).mean(axis=0) for patient in patients])
    gains = each - each[:, :1]
    best = int(gains.mean(axis=0).argmax())
    gain, n = gains[:, best], len(patients)
    error = gain.std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
    if gain.mean() > max(np.log(_BETTER), _ERRORS * error):
        raise InvalidPairsError(
            f"The maps are {tried[best].name} against their images: turned, they fit {what} "
            f"{np.exp(gain.mean()):.0f} times as well ({n} patients); expected rows and columns as "
            f"the images have them. Turn them: {tried[best].line}."
        )


def _stored(name: str, planes: PlanesLike) -> StoredArray:
    """The planes as one array of three dimensions, which may stay on disk."""
    given = plain_array(planes)
    found = given if is_stored(given) else np.asarray(given)
    if len(found.shape) != 3:
        raise InvalidPairsError(
            f"{name} has shape {tuple(found.shape)}; expected (n_samples, height, width)."
        )
    return found


def _refuse_other_shape(maps: tuple[int, ...], images: tuple[int, ...]) -> None:
    if tuple(maps) != tuple(images):
        exchanged = tuple(maps) == (images[0], images[2], images[1])
        hint = " Exchange rows and columns: maps.swapaxes(1, 2)." if exchanged else ""
        raise InvalidPairsError(
            f"anomaly_maps has shape {tuple(maps)}; expected {tuple(images)}, that of observed."
            f"{hint}"
        )
