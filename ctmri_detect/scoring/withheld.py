"""Slices from which planes are withheld, as if a modality were missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect.scoring.thresholds import slices_needed
from ctmri_detect.validation import PairReader

WITHHELD_SLICES = 200  # for each pattern of observed planes; a threshold of 5 % is then 5 +- 1.5 %
WITHHELD_IN_ALL = 400  # with many planes there are many patterns: time grows as the planes do
WITHHELD_BYTES = 128 * 2**20  # of residuals, all patterns together

Seen = npt.NDArray[np.bool_]


class Choice(NamedTuple):
    """From which slices planes are withheld.

    Attributes
    ----------
    seen : bool array (n_planes,)
        The planes that stay.
    rows : int array (m,)
        The slices.
    """

    seen: Seen
    rows: npt.NDArray[np.int64]


class Withheld(NamedTuple):
    """What is kept of slices from which planes were withheld, to score them again.

    Attributes
    ----------
    seen : bool array (n_planes,)
        The planes that stay.
    residual : float32 array (m, n_seen, height, width)
        Residuals of these planes, by a model that did not see the patients, nor the other planes.
    descriptors : float32 array (m, n_seen, 2, 24, 24)
        By which similar slices are found; their values are float32.
    groups : int array (m,)
        Patient of each, as a code.
    """

    seen: Seen
    residual: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]
    groups: npt.NDArray[np.int64]

    def whole(
        self,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Residuals, NaN in the planes that are missing; descriptors, 0 there; patients."""
        shape = len(self.residual), len(self.seen)
        residual = np.full((*shape, *self.residual.shape[2:]), np.nan, np.float32)
        descriptors = np.zeros((*shape, *self.descriptors.shape[2:]))
        residual[:, self.seen], descriptors[:, self.seen] = self.residual, self.descriptors
        return residual, descriptors, self.groups


class _WithoutPlanes:
    """An array-like whose samples lack planes; nothing is read before it is indexed."""

    def __init__(self, array: Any, seen: Seen) -> None:
        self.source, self.seen = PairReader(array), seen
        self.shape, self.dtype = self.source.shape, self.source.dtype
        self.groups, self.frame = (getattr(array, name, None) for name in ("groups", "frame"))

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: Any) -> npt.NDArray[np.float32]:
        block = self.source[rows]
        block[:, ~self.seen] = np.nan
        return block


def without_planes(X: PairReader, seen: Seen) -> PairReader:
    """The same samples, all planes NaN but those that are `seen`.

    Examples
    --------
    >>> X = PairReader(np.zeros((3, 2, 1, 1)))
    >>> without_planes(X, np.array([True, False]))[2].ravel()
    array([ 0., nan], dtype=float32)
    """
    return PairReader(_WithoutPlanes(X.array, seen), X.rows, X.groups)


def withheld_patterns(n_planes: int) -> Seen:
    """Patterns that are calibrated by withholding: each plane alone, and all planes but one.

    Returns
    -------
    bool array (n_patterns, n_planes)
        Which planes stay; none for one plane.

    Examples
    --------
    >>> withheld_patterns(2).tolist()
    [[False, True], [True, False]]
    >>> [len(withheld_patterns(n)) for n in (1, 2, 3, 4, 8)]
    [0, 2, 6, 8, 16]
    """
    alone = np.eye(n_planes, dtype=bool)
    found = np.unique(np.concatenate([alone, ~alone]), axis=0)
    return found if n_planes > 1 else found[:0]


def slices_to_withhold_from(X: PairReader, false_positive_rate: float) -> list[Choice]:
    """For each pattern, slices that show more than its planes, evenly spaced over patients.

    The more slices show exactly its planes, the fewer others are chosen.

    Parameters
    ----------
    X : PairReader
        Held-out slices that `check_pairs` has looked at; `groups` are their patients.
    false_positive_rate : float
        A lower rate needs more slices.

    Returns
    -------
    list of Choice
        At most 200 slices of each pattern, and fewer of large slices and of many planes (400 and
        128 MiB in all); but as many as the rate needs, if there are so many.
    """
    assert X.missing is not None
    assert X.groups is not None
    patterns, shown = withheld_patterns(X.shape[1]), ~X.missing
    most = _most_slices(patterns, X.shape[2:], false_positive_rate)
    found = []
    for seen in patterns:
        more = shown[:, seen].all(axis=1) & shown[:, ~seen].any(axis=1)
        just = int((shown == seen).all(axis=1).sum())
        rows = np.flatnonzero(more)
        rows = rows[np.argsort(X.groups[rows], kind="stable")]
        n = min(len(rows), max(most - just, 0))
        if n:
            found.append(Choice(seen, rows[np.linspace(0, len(rows) - 1, n).round().astype(int)]))
    return found


def _most_slices(patterns: Seen, plane: tuple[int, ...], false_positive_rate: float) -> int:
    if not len(patterns):
        return 0
    n_bytes = 4 * int(np.prod(plane)) * int(patterns.sum())  # of one slice of each pattern
    in_all = WITHHELD_IN_ALL // len(patterns)
    most = min(WITHHELD_SLICES, in_all, WITHHELD_BYTES // n_bytes)
    return max(most, slices_needed(false_positive_rate))


def parts_of(choices: list[Choice], here: npt.NDArray[np.int64]) -> Iterator[Choice]:
    """For each pattern, which of these rows are chosen, as places among them; none left out."""
    for seen, rows in choices:
        part = np.flatnonzero(np.isin(here, rows))
        if len(part):
            yield Choice(seen, part)
