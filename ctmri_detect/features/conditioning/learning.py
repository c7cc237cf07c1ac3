"""The parts of a conditioning that are learned: components, and networks that predict them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect.features.conditioning.inputs import (
    DescribedSlice,
    described_slice,
    drawn_cells,
)
from ctmri_detect.features.conditioning.projection import Projection
from ctmri_detect.features.conditioning.similar import SimilarSlices
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.protocol import Grids, described
from ctmri_detect.networks.regression import NetworkRegressor, fit_regressors
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import PairReader

WITHHELD = 0.25  # how often a training cell loses each other plane, so that planes may be missing
_PROJECTED = 64  # slices whose cells the components are computed from
_CELLS_PROJECTED = 40_000  # of each group
WIDTH = 128  # of the hidden layers

Components = npt.NDArray[np.float16]


def fit_projections(
    features: Grids,
    reader: PairReader,
    n_components: int,
    rng: np.random.RandomState,
    whiten: bool = True,
) -> list[Projection | None]:
    """Components of each group, from random cells of some slices; None without cells."""
    rows = evenly_spaced(len(reader), _PROJECTED)
    drawn: list[list[npt.NDArray[np.floating[Any]]]] = []
    for block in reader.take(rows).blocks(16):
        grid = described(features, block)
        drawn = drawn or [[] for _ in range(grid.seen.shape[1])]
        for group, parts in enumerate(drawn):
            n_cells = _CELLS_PROJECTED * len(block) // len(rows)
            cells = drawn_cells(grid.seen[:, group], n_cells, rng)
            flat = grid.values[:, group].reshape(len(block), -1, grid.values.shape[-1])
            parts += [one[chosen] for one, chosen in zip(flat, cells, strict=True)]
    found = [np.concatenate(parts) for parts in drawn]
    return [
        Projection(n_components, whiten).fit(cells) if len(cells) > 1 else None for cells in found
    ]


def components_of(
    projections: Sequence[Projection | None], grid: FeatureGrid
) -> tuple[Components, npt.NDArray[np.bool_]]:
    """Components ``(n, n_groups, gh, gw, k)``, 0 where not seen; and where they are seen."""
    known = [projection for projection in projections if projection is not None]
    k = min((projection.n_kept for projection in known), default=1)
    out = np.zeros((*grid.seen.shape, k), np.float16)
    seen = grid.seen.copy()
    for group, projection in enumerate(projections):
        if projection is None:
            seen[:, group] = False
            continue
        for i, cells in enumerate(seen[:, group]):  # one by one: bits don't depend on the others
            out[i, group][cells] = projection.transform(grid.values[i, group][cells])[:, :k]
    return out, seen


@dataclass(frozen=True)
class DescribedSlices:
    """Training slices: components, where they are seen, and what finds the similar ones of each."""

    components: Components
    seen: npt.NDArray[np.bool_]
    similar: SimilarSlices

    def one(self, i: int) -> DescribedSlice:
        """One of them, with what similar slices of other patients have."""
        descriptors, codes = self.similar.descriptors_[[i]], self.similar.groups_[[i]]
        similar = self.similar.means(descriptors, codes)[0]
        return described_slice(self.components[i], self.seen[i], similar)

    def tables(
        self, inputs: Sequence[str], n_cells: int, rng: np.random.RandomState
    ) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """Inputs and components of random cells of each group."""
        n_groups, k = self.seen.shape[1], self.similar.values_.shape[-1]
        drawn = [drawn_cells(self.seen[:, group], n_cells, rng) for group in range(n_groups)]
        parts: list[list[tuple[Any, Any]]] = [[] for _ in range(n_groups)]
        for i in range(len(self.seen)):
            one = self.one(i)
            for target, table in enumerate(parts):
                cells = drawn[target][i]
                lost = rng.rand(len(cells), n_groups) < WITHHELD
                found = one.inputs(target, cells, inputs, lost)
                table.append((found, one.components[target, cells, :k]))
        return [
            (np.concatenate([a for a, _ in table]), np.concatenate([b for _, b in table]))
            for table in parts
        ]


def fit_regressors_of_cells(
    slices: DescribedSlices,
    inputs: Sequence[str],
    n_cells: int,
    training: Training,
    rng: np.random.RandomState,
) -> list[NetworkRegressor | None]:
    """A network for each group, fitted on random cells; None if there is nothing to learn."""
    jobs = {
        target: (NetworkRegressor(training, 0.0, "cpu", rng.randint(2**31 - 1), WIDTH), *table)
        for target, table in enumerate(slices.tables(inputs, n_cells, rng))
        if table[0].shape[1] and len(table[0]) > 1
    }
    fitted = dict(zip(jobs, fit_regressors(list(jobs.values())), strict=True))
    return [fitted.get(target) for target in range(slices.seen.shape[1])]
