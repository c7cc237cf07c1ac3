"""Predict each plane pixel by pixel, from filter responses of the planes that it may use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.base import BaseEstimator

from ctmri_detect.base import Traits
from ctmri_detect.detectors.cross_modal.pixel_features import PairFeatures, Places
from ctmri_detect.detectors.cross_modal.pixel_fit import fit_on_pixels
from ctmri_detect.detectors.cross_modal.predictor import Prediction, Predictor
from ctmri_detect.detectors.cross_modal.views import Block, ViewSet, predictable
from ctmri_detect.imageops.comparison import block_side
from ctmri_detect.validation import PairReader


class PixelPredictor(Predictor):
    """A regressor for each plane and view set, from a multi-scale filter bank at each pixel.

    The planes of a block are filtered once, for all view sets and for the registration.

    Parameters
    ----------
    regressor : NetworkRegressor or RegressorPair
        Cloned for each plane and view set.
    pixels_per_slice : int, default=400
        Pixels of each training slice that a regressor learns from.

    Attributes
    ----------
    view_sets_ : list of tuple of str
    regressors_ : list of list
        For each view set, the fitted regressor of each plane.
    """

    def __init__(self, regressor: BaseEstimator, pixels_per_slice: int = 400) -> None:
        self.regressor = regressor
        self.pixels_per_slice = pixels_per_slice

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Cheap; safe in threads if the regressor is."""
        safe = bool(self.regressor.threadsafe)
        return Traits(cheap=True, threadsafe=safe, missing_modality=True)

    def fit(
        self, X: PairReader, view_sets: Sequence[ViewSet], rng: np.random.RandomState
    ) -> PixelPredictor:
        """Fit on random pixels of each slice."""
        self.view_sets_ = [tuple(views) for views in view_sets]
        self.regressors_ = fit_on_pixels(
            X, self.view_sets_, self.regressor, self.pixels_per_slice, rng
        )
        return self

    def describe(self, block: Block, before: PairFeatures | None = None) -> PairFeatures:
        """The filter banks of a block; those of planes that did not move are reused."""
        return PairFeatures(block) if before is None else before.moved(block)

    def predict(self, block: PairFeatures) -> list[Prediction]:
        """Mean and variance of every plane, ``(n, planes, height, width)``, by view set.

        All view sets of a sample come one after the other, so that they share features.
        """
        answers = [np.full((2, *block.X.shape), np.nan, np.float32) for _ in self.view_sets_]
        for target in range(block.X.shape[1]):
            streams = [self._samples(block, k, target) for k in range(len(answers))]
            for n, found in enumerate(zip(*streams, strict=True)):
                for answer, (where, mean, variance) in zip(answers, found, strict=True):
                    answer[0, n, target].ravel()[where] = mean
                    answer[1, n, target].ravel()[where] = variance
        return [(mean, variance) for mean, variance in answers]

    def _samples(
        self, block: PairFeatures, view_set: int, target: int
    ) -> Iterator[tuple[Places, Block, Block]]:
        """Where a plane is predicted, mean and variance there, one sample after the other."""
        views = self.view_sets_[view_set]
        places = [np.flatnonzero(able) for able in predictable(block.X, views)[:, target]]
        told = self.regressors_[view_set][target].predict_each(
            block.columns(n, target, views, where) for n, where in enumerate(places)
        )
        for where, (mean, variance) in zip(places, told, strict=True):
            yield where, mean, variance

    def coarse(self, block: PairFeatures, plane: int) -> Prediction:
        """One plane's mean and variance, from the other planes' mean features in square blocks.

        Close to the block means of `predict`, and much faster.
        """
        X, side = block.X, block_side(block.X.shape[2:])
        shape = (len(X), X.shape[2] // side, X.shape[3] // side)
        mean, variance = np.full((2, *shape), np.nan, np.float32)
        for n, able in enumerate(predictable(X, self.view_sets_[0])[:, plane]):
            if not able.any():
                continue
            features, places = block.block_means(n, plane, able, side)
            if len(places):
                m, v = self.regressors_[0][plane].predict(features)
                mean[n].ravel()[places], variance[n].ravel()[places] = m, v
        return mean, variance
