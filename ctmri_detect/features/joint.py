"""Features of all planes in one vector a cell."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import Constraints, check_parameters
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.base.estimator import PairedEstimator
from ctmri_detect.base.traits import Traits
from ctmri_detect.features.backbone import BackboneFeatures
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.protocol import (
    FEATURES,
    FeatureExtractor,
    described,
    takes_missing_planes,
    trains,
)
from ctmri_detect.validation import PairReader, check_pairs

_SAMPLES = 32  # of each plane, for the means
_BLOCK = 16


class JointFeatures(PairedEstimator):
    """The features of all planes side by side: one group that describes the planes together.

    A detector then learns which features of one plane go with which of the other. So it finds what
    is normal in each plane and wrong in the pair, such as a haemorrhage that only one of them
    shows. It fails where the planes are not registered. It can't say which plane is unusual.

    Parameters
    ----------
    features : feature extractor, default=None
        Any object with `fit` and `grids`, see `FeatureExtractor`. A clone of it is fitted. None
        means `BackboneFeatures()`.

    Attributes
    ----------
    features_ : feature extractor
        The fitted extractor.
    means_ : float32 array (n_groups, n_features)
        Mean of each feature over the seen cells of training samples: of 32 evenly spaced samples
        of each plane.
    image_shape_ : (int, int)
        Height and width of the training pairs.

    Notes
    -----
    A cell is seen where it was seen in any plane. The features of a plane that was not seen there
    are `means_`, so that a missing plane is not unusual by itself.

    ``traits.trains`` is that of `features`.

    Examples
    --------
    >>> from ctmri_detect.features import FilterBankFeatures
    >>> X = np.random.default_rng(0).normal(size=(3, 2, 32, 24)).astype(np.float32)
    >>> JointFeatures(FilterBankFeatures()).fit(X).grids(X).values.shape
    (3, 1, 8, 6, 20)
    """

    _resolved: ClassVar[dict[str, str]] = {"features": "_default_features"}
    _parameter_constraints: ClassVar[Constraints] = {"features": FEATURES}

    def __init__(self, features: FeatureExtractor | None = None) -> None:
        self.features = features

    def _default_features(self) -> FeatureExtractor:
        return BackboneFeatures()

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of `features`."""
        given = self._default_features() if self.features is None else self.features
        return Traits(trains=trains(given), missing_modality=takes_missing_planes(given))

    @with_default_floats
    def fit(self, X: PairsLike, y: LabelsLike = None) -> JointFeatures:
        """Fit the extractor, and find the mean of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared for a detector.
        y : ignored
            Not used.

        Returns
        -------
        self
        """
        check_parameters(self)
        reader = check_pairs(X)
        features = self._default_features() if self.features is None else clone(self.features)
        self.features_ = features.fit(reader)
        self.image_shape_ = reader.shape[2:]
        self.means_ = self._means(reader)
        return self

    def _means(self, reader: PairReader) -> npt.NDArray[np.float32]:
        assert reader.missing is not None
        there = [np.flatnonzero(~missing) for missing in reader.missing.T]
        chosen = [rows[:: max(1, -(-len(rows) // _SAMPLES))] for rows in there]
        sums, n_seen = np.zeros(1), np.zeros(1)
        for block in reader.take(np.unique(np.concatenate(chosen))).blocks(_BLOCK):
            grid = described(self.features_, block)
            seen = grid.seen[..., None]
            sums = sums + np.asarray(grid.values.sum((0, 2, 3), np.float64, where=seen))
            n_seen = n_seen + np.asarray(seen.sum(axis=(0, 2, 3)))
        return np.asarray(sums / np.maximum(n_seen, 1), np.float32)

    @with_default_floats
    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """The features of one block of checked pairs.

        Parameters
        ----------
        block : float32 array (n_samples, n_planes, height, width)
            A block of pairs; NaN where nothing was observed.

        Returns
        -------
        FeatureGrid
            One group; the features of the first plane, then those of the second, and so on.
        """
        check_is_fitted(self, "means_")
        grid = described(self.features_, block)
        if grid.values.shape[1::3] != self.means_.shape:
            raise ValueError(
                f"{type(self.features_).__name__}.grids describes {grid.values.shape[1]} groups by "
                f"{grid.values.shape[-1]} features; expected {self.means_.shape[0]} groups and "
                f"{self.means_.shape[1]} features, as in fit. Give the same planes."
            )
        values = np.where(grid.seen[..., None], grid.values, self.means_[:, None, None])
        n, _, rows, columns, _ = values.shape
        side_by_side = np.moveaxis(values, 1, 3).reshape(n, 1, rows, columns, -1)
        seen = np.asarray(grid.seen.any(axis=1, keepdims=True))
        return FeatureGrid(side_by_side, seen, grid.stride)
