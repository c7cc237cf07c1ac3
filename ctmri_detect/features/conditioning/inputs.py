"""From what the components of a cell are predicted, and which cells to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.filters import geometry

INPUTS = ("planes", "similar", "place")

Values = npt.NDArray[np.float32]
Cells = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DescribedSlice:
    """The cells of one slice: their components, and those of similar slices.

    Parameters
    ----------
    components : float32 array (n_groups, gh * gw, k)
        0 in cells that were not seen.
    seen : bool array (n_groups, gh, gw)
    similar : float32 array (n_groups, gh * gw, t)
        Mean of similar slices.
    """

    components: Values
    seen: npt.NDArray[np.bool_]
    similar: Values

    def place(self) -> Values:
        """Place of each cell in the head (see `imageops.filters.geometry`): ``(gh * gw, 4)``."""
        place = geometry(np.asarray(self.seen.any(axis=0)))
        return np.ascontiguousarray(place.reshape(len(place), -1).T)

    def inputs(
        self,
        target: int,
        cells: Cells,
        kinds: Sequence[str],
        lost: npt.NDArray[np.bool_] | None = None,
    ) -> Values:
        """Columns from which the components of group `target` are predicted.

        Parameters
        ----------
        target : int
        cells : int array (n,)
        kinds : sequence of {"planes", "similar", "place"}
        lost : bool array (n, n_groups), default=None
            Which other groups a cell is to lose.

        Returns
        -------
        float32 array (n, n_inputs)
            The other groups' components and whether they were seen; what similar slices have
            there; the place.
        """
        parts = [np.empty((len(cells), 0), np.float32)]
        for group in range(len(self.seen)) if "planes" in kinds else ():
            if group != target:
                there = self.seen[group].ravel()[cells]
                if lost is not None:
                    there = there & ~lost[:, group]
                known = there[:, None].astype(np.float32)
                parts += [self.components[group, cells] * known, known]
        if "similar" in kinds:
            parts.append(self.similar[target, cells])
        if "place" in kinds:
            parts.append(self.place()[cells])
        return np.concatenate(parts, axis=1)


def drawn_cells(
    seen: npt.NDArray[np.bool_], n_cells: int, rng: np.random.RandomState
) -> list[Cells]:
    """Random seen cells, about the same number in every slice.

    Parameters
    ----------
    seen : bool array (m, gh, gw)
    n_cells : int
        At most so many in all, but at least one in each slice with a seen cell.

    Returns
    -------
    list of int arrays
        For each slice.

    Examples
    --------
    >>> rng = np.random.RandomState(0)
    >>> [len(cells) for cells in drawn_cells(np.ones((3, 4, 4), bool), 30, rng)]
    [10, 10, 10]
    """
    each = max(1, n_cells // max(1, len(seen)))
    return [rng.permutation(np.flatnonzero(cells))[:each] for cells in seen]


def described_slice(
    components: npt.NDArray[np.float16],
    seen: npt.NDArray[np.bool_],
    similar: npt.NDArray[np.float32],
) -> DescribedSlice:
    """From components ``(n_groups, gh, gw, k)`` and the mean of similar slices; cells are flat."""
    n_groups = len(seen)
    flat = components.astype(np.float32).reshape(n_groups, -1, components.shape[-1])
    return DescribedSlice(flat, seen, similar.reshape(n_groups, -1, similar.shape[-1]))
