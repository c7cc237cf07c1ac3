"""The fit of the pixel form: pixels are drawn first, then described, then learned from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from ctmri_detect._threads import map_threads
from ctmri_detect.detectors.cross_modal.pixel_features import Block, PairFeatures, Places
from ctmri_detect.detectors.cross_modal.pixel_regressor import fit_regressors
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.validation import CT, MRI, PairReader

_BLOCK = 16  # samples that are described at a time


def predictable(X: Block, views: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Where each plane of a block can be predicted and compared: its own pixel, and its sources."""
    seen = ~np.isnan(X)
    able = seen.copy()
    if "other" in views:
        able &= seen[:, ::-1]
    if tuple(views) == ("mirror",):
        able &= seen[..., ::-1]
    return np.asarray(able)


def fit_on_pixels(predictors: Sequence[Any], X: PairReader, rng: np.random.RandomState) -> None:
    """Fit the regressors of several `PixelPredictor` on random pixels of each slice.

    Each slice is described once for all of them. They draw from `rng` one after the other, as if
    each was fitted alone.
    """
    if not predictors:
        return
    draws = [_draw(X, predictor, rng) for predictor in predictors]
    chosen = [places for places, _ in draws]
    parts: list[list[tuple[Block, Block]]] = []
    first = 0
    for block in X.blocks():
        spans = [
            (block[start : start + _BLOCK], first + start) for start in range(0, len(block), _BLOCK)
        ]
        parts += map_threads(lambda span: _described(*span, predictors, chosen), spans)
        first += len(block)
    jobs = [
        (regressor, *(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
        for regressor, pieces in zip(
            (regressor for _, regressors in draws for regressor in regressors),
            zip(*parts, strict=True),
            strict=True,
        )
    ]
    fitted = iter(fit_regressors(jobs))
    for predictor in predictors:
        predictor.regressors_ = [next(fitted), next(fitted)]


def _draw(
    X: PairReader, predictor: Any, rng: np.random.RandomState
) -> tuple[list[list[Places]], list[Any]]:
    """Pixels of both planes of each sample, and a regressor with a seed for each plane."""
    chosen = [
        [rng.permutation(np.flatnonzero(plane))[: predictor.pixels_per_slice] for plane in able]
        for block in X.blocks()
        for able in predictable(block, predictor.views)
    ]
    regressors = []
    for target in (CT, MRI):
        if not any(len(places[target]) for places in chosen):
            raise InvalidPairsError(
                "No pixel is observed in both planes; expected CT and MRI of the same place. "
                "Check that the planes overlap."
            )
        seed = rng.randint(2**31 - 1)
        regressors.append(clone(predictor.regressor).set_params(random_state=seed))
    return chosen, regressors


def _described(
    X: Block, first: int, predictors: Sequence[Any], chosen: list[list[list[Places]]]
) -> list[tuple[Block, Block]]:
    """Features and values of the chosen pixels of some samples, for each regressor."""
    features, parts = PairFeatures(X), []
    for (predictor, places), target in product(zip(predictors, chosen, strict=True), (CT, MRI)):
        here = [sample[target] for sample in places[first : first + len(X)]]
        columns = [
            features.columns(n, target, predictor.views, where) for n, where in enumerate(here)
        ]
        values = [X[n, target].ravel()[where] for n, where in enumerate(here)]
        parts.append((np.concatenate(columns), np.concatenate(values)))
    return parts
