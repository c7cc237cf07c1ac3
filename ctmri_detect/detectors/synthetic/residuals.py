"""Residuals of the cross-modal kind, as channels for a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect.detectors.cross_modal.alignment import registered
from ctmri_detect.detectors.cross_modal.choice import NAMED, Settings
from ctmri_detect.detectors.cross_modal.residual import deviations
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import PairReader

Block = npt.NDArray[np.float32]  # (n, planes, height, width); NaN where nothing was observed

_TRIM = 0.02  # these three as in `CrossModalDetector`
_PIXELS_PER_SLICE = 400
_TOLERANCE = 4


class ResidualModel(BaseEstimator):
    """How each plane deviates from its prediction by the others, and from the mean at its place.

    Parameters
    ----------
    device : str
        Where the networks of the prediction are trained.

    Attributes
    ----------
    predictor_ : PixelPredictor or None
        None if there is one plane.
    mean_, sd_ : float32 arrays (n_planes, height, width)
    """

    def __init__(self, device: str) -> None:
        self.device = device

    def fit(self, X: PairReader, rng: np.random.RandomState) -> ResidualModel:
        """Learn from healthy slices."""
        self.mean_, self.sd_ = position_statistics(X)
        self.predictor_: Any = None
        if X.shape[1] > 1:
            form = NAMED["pixel"]
            training = Training(**form.training)
            settings = Settings(training, _TRIM, _PIXELS_PER_SLICE, self.device, X.shape[1])
            self.predictor_ = form.make("pixel", settings).fit(X, [("other",)], rng)
        return self

    def parts(self, block: Block) -> dict[str, Block]:
        """The planes and the residuals of a block, each ``(n, n_planes, height, width)``.

        Returns
        -------
        dict of str to float32 array
            "planes", registered to their predictions; "mismatch", how they deviate from these,
            if there are several planes; "within", how they deviate from the mean at each place.
        """
        parts = {}
        if self.predictor_ is not None:
            described = self.predictor_.describe(block)
            block, described = registered(block, self.predictor_, described, _TOLERANCE)
            (parts["mismatch"],) = deviations(block, self.predictor_, described, 1)
        parts["within"] = ((block - self.mean_) / self.sd_).astype(np.float32)
        return {"planes": block, **parts}


def halves(
    groups: npt.NDArray[Any] | None, n: int, rng: np.random.RandomState
) -> npt.NDArray[np.int64]:
    """0 or 1 for each slice, the same for all slices of a patient.

    The slices of one patient alone are divided, since there is no other.
    """
    codes = np.arange(n) if groups is None or len(np.unique(groups)) == 1 else groups
    _, order = np.unique(codes, return_inverse=True)
    side = rng.permutation(order.max() + 1) % 2
    return np.asarray(side[order], dtype=np.int64)
