"""What a fitted detector expects of each plane, as an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.metaestimators import available_if

from ctmri_detect._types import PairsLike
from ctmri_detect.detectors.cross_modal.alignment import registered
from ctmri_detect.detectors.cross_modal.predictor import Predictor
from ctmri_detect.detectors.cross_modal.residual import checked_predictions, recalibrated
from ctmri_detect.detectors.cross_modal.views import Block
from ctmri_detect.validation import PairReader


def _predicts(detector: Any) -> bool:
    """Whether any evidence is a prediction; "within" alone is not."""
    return set(detector.evidence) != {"within"}


class PredictedPlanes:
    """Mixin of a detector that keeps a `Predictor` in ``predictor_``."""

    predictor_: Predictor | None
    view_sets_: dict[str, Any]
    tolerance: int
    _ready: Callable[..., PairReader]

    @available_if(_predicts)
    def reconstruct(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """Each plane as it is predicted, in the units of X.

        With "mismatch" in `evidence`, each plane is predicted from the other planes, otherwise from
        its own mirror image. There is no prediction if `evidence` is "within" alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared like those of the fit.

        Returns
        -------
        float32 array (n_samples, n_planes, height, width)
            The prediction, fitted to the brightness of each image. If a plane was registered
            (`tolerance`), the prediction is that of the registered planes. NaN where nothing was
            observed, or nothing that a prediction could use.
        """
        return np.concatenate([self._predicted(block) for block in self._ready(X).blocks()])

    def _predicted(self, X: Block) -> Block:
        assert self.predictor_ is not None  # see `_predicts`
        moved, described = self._described(X, self.predictor_)
        first, *_ = checked_predictions(X.shape, self.predictor_, described, len(self.view_sets_))
        return np.where(np.isnan(X), np.float32(np.nan), recalibrated(moved, *first))

    def _described(self, X: Block, predictor: Predictor) -> tuple[Block, Any]:
        """The planes, registered to their predictions, and what the predictor makes of them."""
        described = predictor.describe(X)
        if "mismatch" in self.view_sets_ and self.tolerance:
            return registered(X, predictor, described, self.tolerance)
        return X, described
