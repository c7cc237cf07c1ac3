"""Combine predictions into one residual: recalibrate, standardise, weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ctmri_detect.detectors.cross_modal.predictor import Prediction, Predictor
from ctmri_detect.detectors.cross_modal.views import Block
from ctmri_detect.imageops.recalibrate import recalibrate

# weights of the kinds of evidence, chosen on phantoms of development seeds (120, 121)
EVIDENCE = {"mismatch": 0.5, "symmetry": 0.5, "within": 0.3}


def deviations(X: Block, predictor: Predictor, described: object, n_sets: int) -> list[Block]:
    """How far a block is from each of its predictions, in standard deviations of the prediction.

    Raises
    ------
    ValueError
        If the predictor doesn't give mean and variance of each plane for each view set.
    """
    predictions = checked_predictions(X.shape, predictor, described, n_sets)
    return [standardised(X, mean, variance) for mean, variance in predictions]


def checked_predictions(
    shape: tuple[int, ...], predictor: Predictor, described: object, n_sets: int
) -> Sequence[Prediction]:
    """Mean and variance of each view set, or an error that says what the predictor gave."""
    predictions = predictor.predict(described)
    shapes = [tuple(np.shape(part) for part in prediction) for prediction in predictions]
    if shapes != [(shape, shape)] * n_sets:
        raise ValueError(
            f"{type(predictor).__name__}.predict gave arrays of shapes {shapes}; expected mean and "
            f"variance of shape {shape} for each of {n_sets} view set(s). Return a list of pairs."
        )
    return predictions


def recalibrated(X: Block, mean: Block, variance: Block) -> Block:
    """The prediction, fitted to each image; NaN where there is none or nothing was observed."""
    out = np.full(X.shape, np.nan, np.float32)
    able = ~(np.isnan(mean) | np.isnan(X))
    for at in np.ndindex(X.shape[:2]):
        where = np.flatnonzero(able[at])
        if len(where):
            values, m, v = (np.take(part[at], where) for part in (X, mean, variance))
            out[at].ravel()[where] = recalibrate(values, m, v)
    return out


def standardised(X: Block, mean: Block, variance: Block) -> Block:
    """Difference to the recalibrated prediction over its standard deviation; NaN without one."""
    return np.asarray((X - recalibrated(X, mean, variance)) / np.sqrt(variance), dtype=np.float32)


def combined(parts: Mapping[str, Block]) -> Block:
    """Weighted sum of the kinds of evidence, over the root of the sum of squared weights."""
    total, power = np.zeros((2, *next(iter(parts.values())).shape), np.float32)
    for kind, part in parts.items():
        seen = ~np.isnan(part)
        total += EVIDENCE[kind] * np.where(seen, part, np.float32(0))
        power += EVIDENCE[kind] ** 2 * seen.astype(np.float32)
    scale = np.sqrt(np.where(power > 0, power, np.float32(1)))
    return np.asarray(total / scale, dtype=np.float32)
