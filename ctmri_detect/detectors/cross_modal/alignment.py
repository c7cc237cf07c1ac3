"""Register each plane but the first to its prediction from the other planes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ctmri_detect.detectors.cross_modal.predictor import Predictor
from ctmri_detect.detectors.cross_modal.views import Block
from ctmri_detect.imageops.align import align_to_prediction
from ctmri_detect.imageops.warp import warp_observed


def registered(
    X: Block, predictor: Predictor, described: Any, tolerance: float
) -> tuple[Block, Any]:
    """The block with its planes registered to their predictions, and its description.

    The first plane (CT) stays. The others are moved one after the other: with more than two
    planes, a plane is predicted from planes that were moved before it.
    """
    for plane in range(1, X.shape[1]):
        moved = _moved(X, plane, *predictor.coarse(described, plane), tolerance)
        if moved is not X:
            X, described = moved, predictor.describe(moved, described)
    return X, described


def _moved(X: Block, plane: int, means: Block, variances: Block, tolerance: float) -> Block:
    """A copy with one plane moved; the block itself if nothing moves."""
    out = X
    for n, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        seen = ~np.isnan(mean)
        if not seen.any():
            continue
        motion = align_to_prediction(X[n, plane], mean, variance, seen, tolerance=tolerance)
        if motion.gain > 0:
            out = X.copy() if out is X else out
            out[n, plane] = warp_observed(X[n, plane], motion.matrix, X.shape[2:])
    return out
