"""Remembered patches, and how far new patches are from the nearest of them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ctmri_detect.scoring.neighbours import Neighbours

SIMILAR = 20  # slices, where neighbours are restricted
AROUND = 1  # cells to each side, where neighbours are restricted
_QUERIES = 1024  # at a time, so that the table of distances stays small

Components = npt.NDArray[np.float32]
Distances = npt.NDArray[np.float32]


class Bank(Protocol):
    """Distances of the cells of a block from what is remembered."""

    def distances(
        self,
        components: npt.NDArray[np.floating[Any]],
        seen: npt.NDArray[np.bool_],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None,
    ) -> Distances:
        """``(n, n_groups, gh, gw)``; 0 where not seen, or where nothing is remembered."""


class PatchBank:
    """Patches from anywhere in any slice; exact search by products of matrices.

    Parameters
    ----------
    patches : list of float arrays (m, k)
        Of each group; an empty array if there are none.
    n_neighbors : int
    """

    def __init__(self, patches: list[npt.NDArray[np.floating[Any]]], n_neighbors: int) -> None:
        self.patches = [one.astype(np.float16) for one in patches]
        self.n_neighbors = n_neighbors

    @property
    def nbytes(self) -> int:
        """Bytes of the patches."""
        return sum(one.nbytes for one in self.patches)

    def distances(
        self,
        components: npt.NDArray[np.floating[Any]],
        seen: npt.NDArray[np.bool_],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None,
    ) -> Distances:
        """Mean distance to the nearest patches; descriptors and patients have no effect."""
        out = np.zeros(seen.shape, np.float32)
        for group, patches in enumerate(self.patches):
            if len(patches):
                known = patches.astype(np.float32)
                power = np.einsum("mk,mk->m", known, known)
                for one, cells, found in zip(
                    components[:, group], seen[:, group], out[:, group], strict=True
                ):
                    found[cells] = nearest(one[cells], known, power, self.n_neighbors)
        return out


def nearest(
    queries: npt.NDArray[np.floating[Any]], known: Components, power: Components, k: int
) -> Distances:
    """Mean Euclidean distance of each query ``(n, d)`` to its k nearest known patches.

    `power` are the known patches' squared lengths.

    Examples
    --------
    >>> known = np.array([[0.0], [2.0], [9.0]], np.float32)
    >>> nearest(np.array([[1.0]]), known, known[:, 0] ** 2, 2).tolist()
    [1.0]
    """
    k, found = min(k, len(known)), np.empty(len(queries), np.float32)
    for start in range(0, len(queries), _QUERIES):
        part = queries[start : start + _QUERIES].astype(np.float32)
        table = power - 2 * (part @ known.T)
        least = (
            np.partition(table, k - 1, axis=1)[:, :k] + np.einsum("nd,nd->n", part, part)[:, None]
        )
        found[start : start + _QUERIES] = np.sqrt(np.maximum(least, 0)).mean(axis=1)
    return found


class SliceBank(Neighbours):
    """Whole slices: a cell is compared with cells of about the same place in similar slices.

    Slices of the sample's own patient are left out, see `scoring.neighbours`.

    Parameters
    ----------
    components : float16 array (m, n_groups, gh, gw, k)
        0 where not seen.
    seen : bool array (m, n_groups, gh, gw)
    descriptors : float64 array (m, n_planes, 2, 24, 24)
    groups : int array (m,)
        Codes of the patients.
    n_neighbors : int
        Nearest cells whose mean distance counts.
    """

    def __init__(
        self,
        components: npt.NDArray[np.float16],
        seen: npt.NDArray[np.bool_],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64],
        n_neighbors: int,
    ) -> None:
        self.know(descriptors, groups)
        self.components = components
        self.seen = seen
        self.n_neighbors = n_neighbors

    @property
    def nbytes(self) -> int:
        """Bytes of the components."""
        return self.components.nbytes

    @property
    def n_nearest(self) -> int:
        """Number of similar slices."""
        return SIMILAR

    def distances(
        self,
        components: npt.NDArray[np.floating[Any]],
        seen: npt.NDArray[np.bool_],
        descriptors: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None,
    ) -> Distances:
        """Mean distance to the nearest cells around the place in the similar slices."""
        out = np.zeros(seen.shape, np.float32)
        weights = self.weights(descriptors, groups)[: len(seen)] > 0
        for i, chosen in enumerate(weights):
            rows = np.flatnonzero(chosen)
            for group in range(seen.shape[1]):
                cells = seen[i, group]
                if cells.any():
                    out[i, group][cells] = self._nearest(components[i, group], cells, rows, group)
        return out

    def _nearest(
        self,
        one: npt.NDArray[np.floating[Any]],
        cells: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
        group: int,
    ) -> Distances:
        """Of one group of one slice: mean distance of each seen cell."""
        edge = [(AROUND, AROUND), (AROUND, AROUND)]
        known = np.pad(self.components[rows, group], [(0, 0), *edge, (0, 0)]).astype(np.float32)
        there = np.pad(self.seen[rows, group], [(0, 0), *edge])
        y, x = np.nonzero(cells)
        query = one[cells].astype(np.float32)
        steps = range(2 * AROUND + 1)
        squared = np.stack(
            [
                np.where(
                    there[:, y + dy, x + dx],
                    np.square(known[:, y + dy, x + dx] - query).sum(axis=2),
                    np.float32(np.inf),
                )
                for dy in steps
                for dx in steps
            ]
        ).reshape(-1, len(query))
        k = min(self.n_neighbors, len(squared))
        least = np.sqrt(np.partition(squared, k - 1, axis=0)[:k])
        count = np.isfinite(least).sum(axis=0)
        total = np.where(np.isfinite(least), least, 0).sum(axis=0)
        found = np.divide(total, count, out=np.zeros(len(query), np.float32), where=count > 0)
        if (count == 0).any():  # no similar slice has this place: as far as the median of the rest
            known_far = found[count > 0]
            found[count == 0] = np.median(known_far) if len(known_far) else 0
        return found
