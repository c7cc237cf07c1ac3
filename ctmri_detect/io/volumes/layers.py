"""The places of the slices of a volume, also if they are unevenly spaced or some are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Weighted = Sequence[tuple[float, float]]
Real = NDArray[np.float64]

_GAP = 1.4  # times the spacing beside it: a wider step is a gap, a narrower one is jitter
_ALIKE = 0.1  # share of a step: two steps that differ by less belong to the same spacing
_RUN = 3  # equal steps in a row that are a spacing of its own, as in the posterior fossa
_FEW = 5  # steps
_SAME = 0.01  # share of a spacing: two that differ by less count as equal
_ENOUGH = 1e-6


class Slab(NamedTuple):
    """One output slice: its begin, end and place, in steps of the volume's affine."""

    low: float
    high: float
    place: float


@dataclass(frozen=True)
class Layers:
    """The slices of a volume along its first axis, in steps of its affine.

    A slice reaches half-way to its neighbours. Beside a gap, and at both ends, it reaches half of
    the spacing on its other side. A place in a gap belongs to no slice.

    Parameters
    ----------
    places : ndarray of shape (n,)
        The places of the slices, rising.
    ends : ndarray of shape (n, 2)
        Begin and end of each slice.

    Examples
    --------
    >>> import numpy as np
    >>> Layers.at(np.array([0.0, 1, 2, 3, 6, 7])).ends[2:5].tolist()
    [[1.5, 2.5], [2.5, 3.5], [5.5, 6.5]]
    """

    places: Real
    ends: Real

    @classmethod
    def even(cls, n: int) -> Layers:
        """`n` slices, one step apart."""
        places = np.arange(n, dtype=np.float64)
        return cls(places, np.stack([places - 0.5, places + 0.5], axis=1))

    @classmethod
    def at(cls, places: Real) -> Layers:
        """Two or more slices at these places; a step far wider than those beside it is a gap."""
        steps = np.diff(places)
        usual = _usual(steps)
        filled = np.where(steps > _GAP * usual, np.nan, steps)
        # beside a gap: the step on the slice's other side; between two gaps, the usual spacing
        below = np.concatenate([filled[:1], filled])  # the step below each slice
        above = np.concatenate([filled, filled[-1:]])
        near = np.concatenate([usual[:1], usual]), np.concatenate([usual, usual[-1:]])
        down = np.where(np.isnan(below), np.where(np.isnan(above), near[0], above), below)
        up = np.where(np.isnan(above), np.where(np.isnan(below), near[1], below), above)
        return cls(places, np.stack([places - down / 2, places + up / 2], axis=1))

    @property
    def gaps(self) -> list[int]:
        """The number of the slice below each gap."""
        return np.flatnonzero(self.ends[1:, 0] - self.ends[:-1, 1] > _ENOUGH).tolist()

    @property
    def blocks(self) -> list[slice]:
        """The runs of slices between gaps."""
        cuts = [0, *(k + 1 for k in self.gaps), len(self.places)]
        return [slice(first, last) for first, last in pairwise(cuts)]

    @property
    def is_even(self) -> bool:
        """Whether the slices lie one step apart, the first at 0."""
        return bool(np.array_equal(self.places, np.arange(len(self.places))))

    def stored(self, places: NDArray[np.floating] | float) -> Real:
        """Places as fractional slice numbers; beyond the first or last slice, its own number."""
        at = np.sort(np.concatenate([self.places, *(self.ends[k, 1:] for k in self.gaps),
                                     *(self.ends[k + 1, :1] for k in self.gaps)]))  # fmt: skip
        numbers = np.concatenate(
            [np.arange(len(self.places)), self.gaps, np.array(self.gaps, dtype=int) + 1]
        )
        return np.interp(places, at, np.sort(numbers))

    def hold(self, places: NDArray[np.floating] | float) -> NDArray[np.bool_]:
        """Whether places lie in a slice: neither in a gap nor beyond the ends."""
        places = np.asarray(places)
        held = (places >= self.ends[0, 0] - _ENOUGH) & (places <= self.ends[-1, 1] + _ENOUGH)
        for k in self.gaps:
            held &= (places <= self.ends[k, 1]) | (places >= self.ends[k + 1, 0])
        return held

    def nearest(self, place: float) -> int:
        """The number of the slice nearest to a place."""
        return int(np.abs(self.places - place).argmin())

    def slabs(self, native: float, wanted: float | None) -> list[Slab]:
        """The output slices, from the lowest: these slices, or `wanted` mm apart.

        Parameters
        ----------
        native : float
            Millimetres of one step.
        wanted : float or None
            Distance and thickness of the output slices, in mm; None: the volume's own slices.
        """
        own = wanted is None or (self.is_even and abs(wanted - native) < _SAME * native)
        if own or wanted is None:
            rows = zip(self.ends.tolist(), self.places.tolist(), strict=True)
            return [Slab(low, high, place) for (low, high), place in rows]
        step = wanted / native
        bottom, top = float(self.ends[0, 0]), float(self.ends[-1, 1])
        n = max(1, int((top - bottom) / step + _SAME))
        start = bottom + (top - bottom - n * step) / 2
        lows = (start + step * np.arange(n)).tolist()
        return [Slab(low, low + step, low + step / 2) for low in lows]

    def parts(self, slab: Slab) -> tuple[Weighted, Weighted, float]:
        """The slices from which an output slice is made, with their weights.

        A slab wider than the slices at its place averages them. A narrower one is interpolated
        between its two neighbours, never across a gap.

        Returns
        -------
        slices : sequence of (number of a slice, weight)
            Empty in a gap.
        places : sequence of (place, weight)
            The places at which other volumes are read.
        whole : float
            The sum of the weights if the slab held no gap.
        """
        low, high = self.ends[self.nearest(slab.place)]
        if slab.high - slab.low > high - low + _ENOUGH:
            return self._average(slab)
        if not self.hold(slab.place):
            return [], [], 1.0
        number = float(self.stored(slab.place))
        k, part = int(number), number - int(number)
        place = float(np.interp(number, np.arange(len(self.places)), self.places))
        between = [(k, 1 - part), (k + 1, part)] if part > 0 else [(k, 1.0)]
        return between, [(place, 1.0)], 1.0

    def _average(self, slab: Slab) -> tuple[Weighted, Weighted, float]:
        shares = np.minimum(slab.high, self.ends[:, 1]) - np.maximum(slab.low, self.ends[:, 0])
        there = np.flatnonzero(shares > _ENOUGH).tolist()
        slices = [(k, float(shares[k])) for k in there]
        places = [(float(self.places[k]), weight) for k, weight in slices]
        whole = min(slab.high, self.ends[-1, 1]) - max(slab.low, self.ends[0, 0])
        return slices, places, float(whole)


def _usual(steps: Real) -> Real:
    """The usual spacing at each step: its own if several are alike, else the wider one beside."""
    alike = np.abs(np.diff(steps)) <= _ALIKE * np.minimum(steps[1:], steps[:-1])
    starts = np.concatenate([[0], np.flatnonzero(~alike) + 1])
    lengths = np.diff([*starts, len(steps)])
    settled = np.flatnonzero(np.repeat(lengths >= min(_RUN, len(steps)), lengths))
    if not settled.size:  # of so few steps, half may be gaps
        return np.full(len(steps), steps.min() if len(steps) < _FEW else np.median(steps))
    after = np.searchsorted(settled, np.arange(len(steps)))
    below = steps[settled[np.maximum(after - 1, 0)]]
    above = steps[settled[np.minimum(after, settled.size - 1)]]
    is_settled = np.isin(np.arange(len(steps)), settled)
    return np.where(is_settled, steps, np.maximum(below, above))
