"""Each MRI moved to where its prediction from the CT wants it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ctmri_detect.detectors.cross_modal.pixel_features import Block
from ctmri_detect.detectors.cross_modal.predictors import PixelPredictor
from ctmri_detect.imageops.align import align_to_prediction
from ctmri_detect.imageops.scene import block_side
from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.validation import MRI


def registered(X: Block, predictor: Any, described: Any, tolerance: float) -> Block:
    """The block with each MRI laid over its prediction; `described` then describes that."""
    if isinstance(predictor, PixelPredictor):
        side = block_side(X.shape[2:])
        means, variances = predictor.predict_blocks(X, described, MRI, side)
    else:
        both = predictor.predict(X, described, targets=(MRI,))
        means, variances = (part[:, MRI] for part in both)
    moved, rows = X.copy(), []
    for n, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        seen = ~np.isnan(mean)
        if seen.any():
            motion = align_to_prediction(X[n, MRI], mean, variance, seen, tolerance=tolerance)
            if motion.gain > 0:
                moved[n, MRI] = warp_observed(X[n, MRI], motion.matrix, X.shape[2:])
                rows.append(n)
    if described is not None:
        described.replace_mri(moved, np.array(rows, dtype=np.int64))
    return moved
