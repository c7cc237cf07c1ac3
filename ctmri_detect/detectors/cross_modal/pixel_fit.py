"""The fit of the pixel form: draw pixels, compute their features, fit regressors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone

from ctmri_detect._threads import map_threads
from ctmri_detect.detectors.cross_modal.pixel_features import PairFeatures, Places
from ctmri_detect.detectors.cross_modal.views import Block, ViewSet, predictable
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.networks.regression import fit_regressors
from ctmri_detect.validation import PairReader

_BLOCK = 16  # samples that are described at a time
_WITHHELD = 0.1  # how often a training sample loses a plane, if there are more than two

Drawn = list[list[Places]]  # by sample and plane, the pixels to learn from


def fit_on_pixels(
    X: PairReader,
    view_sets: Sequence[ViewSet],
    regressor: BaseEstimator,
    pixels_per_slice: int,
    rng: np.random.RandomState,
) -> list[list[Any]]:
    """Regressors fitted on random pixels of each slice: for each view set, one for each plane.

    X is read once for each view set. The pixels of a view set are drawn from `rng` over all of
    X before those of the next one, as if each was fitted alone. Those of the last one are drawn
    while the features are computed. With more than two planes, a tenth of the samples lose one
    plane at the input, so that the regressors also learn from samples with a missing plane.
    """
    withheld = _withheld(len(X), X.shape[1], rng)
    chosen: list[Drawn] = []
    unfitted: list[list[Any]] = []
    for views in view_sets[:-1]:
        parts = (_draw(*block, views, pixels_per_slice, rng) for block in _blocks(X, withheld))
        chosen.append(list(chain.from_iterable(parts)))
        unfitted.append(_seeded(regressor, chosen[-1], rng))
    last: Drawn = []
    pieces: list[list[tuple[Block, Block]]] = []
    for block, inputs in _blocks(X, withheld):
        first = len(last)
        last += _draw(block, inputs, view_sets[-1], pixels_per_slice, rng)
        spans = [
            (slice(start, start + _BLOCK), slice(first + start, first + start + _BLOCK))
            for start in range(0, len(block), _BLOCK)
        ]
        jobs = [
            (block[here], inputs[here], [drawn[there] for drawn in (*chosen, last)])
            for here, there in spans
        ]
        pieces += map_threads(lambda job: _described(*job, view_sets), jobs)
    unfitted.append(_seeded(regressor, last, rng))
    learned = [
        (one, *(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        for one, parts in zip(chain(*unfitted), zip(*pieces, strict=True), strict=True)
    ]
    fitted = iter(fit_regressors(learned))
    return [[next(fitted) for _ in row] for row in unfitted]


def _withheld(n: int, n_planes: int, rng: np.random.RandomState) -> npt.NDArray[np.int64]:
    """The plane that each training sample loses at the input, -1 for none."""
    if n_planes < 3:  # without the one other plane there is nothing to predict from
        return np.full(n, -1)
    return np.where(rng.rand(n) < _WITHHELD, rng.randint(n_planes, size=n), -1)


def _blocks(X: PairReader, withheld: npt.NDArray[np.int64]) -> Iterator[tuple[Block, Block]]:
    """Blocks of X, and the same blocks without the withheld planes."""
    first = 0
    for block in X.blocks():
        lost = withheld[first : first + len(block)]
        first += len(block)
        inputs, rows = block, np.flatnonzero(lost >= 0)
        if len(rows):
            inputs = block.copy()
            inputs[rows, lost[rows]] = np.nan
        yield block, inputs


def _draw(
    block: Block, inputs: Block, views: ViewSet, n_pixels: int, rng: np.random.RandomState
) -> Drawn:
    """Pixels of each plane of each sample."""
    return [
        [rng.permutation(np.flatnonzero(plane))[:n_pixels] for plane in able]
        for able in predictable(block, views, inputs)
    ]


def _seeded(regressor: BaseEstimator, drawn: Drawn, rng: np.random.RandomState) -> list[Any]:
    """A regressor for each plane, with a seed of its own."""
    made = []
    for target in range(len(drawn[0])):
        if not any(len(places[target]) for places in drawn):
            raise InvalidPairsError(
                f"Plane {target} is nowhere observed together with what it is predicted from; "
                "expected planes of the same place. Check that the planes overlap."
            )
        made.append(clone(regressor).set_params(random_state=rng.randint(2**31 - 1)))
    return made


def _described(
    X: Block, inputs: Block, chosen: Sequence[Drawn], view_sets: Sequence[ViewSet]
) -> list[tuple[Block, Block]]:
    """Features and values of the chosen pixels of some samples, for each regressor."""
    features, parts = PairFeatures(inputs), []
    for views, drawn in zip(view_sets, chosen, strict=True):
        for target in range(X.shape[1]):
            here = [sample[target] for sample in drawn]
            columns = [features.columns(n, target, views, where) for n, where in enumerate(here)]
            values = [X[n, target].ravel()[where] for n, where in enumerate(here)]
            parts.append((np.concatenate(columns), np.concatenate(values)))
    return parts
